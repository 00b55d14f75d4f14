#include "base/hash.h"

#include <xxhash.h>

#include <cstdint>

#include "absl/strings/escaping.h"

namespace gloo {
namespace {

std::string Hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return absl::BytesToHexString({reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest});
}

}  // namespace

std::string ContentHash(std::string_view bytes) { return Hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string ContentHash(std::initializer_list<std::string_view> fields) {
  std::string joined;
  for (std::string_view field : fields) {
    uint64_t size = field.size();
    joined.append(reinterpret_cast<const char*>(&size), sizeof size);
    joined.append(field);
  }
  return ContentHash(joined);
}

}  // namespace gloo
