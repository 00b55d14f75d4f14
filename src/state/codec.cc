#include "state/codec.h"

#include <cstdint>
#include <cstring>

namespace gloo::state {
namespace {

void AppendField(std::string& out, std::string_view field) {
  const uint32_t size = static_cast<uint32_t>(field.size());
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(size >> shift & 0xff));
  out.append(field);
}

bool TakeField(std::string_view& bytes, std::string& field) {
  if (bytes.size() < 4) return false;
  uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size |= uint32_t{static_cast<uint8_t>(bytes[static_cast<size_t>(i)])} << (8 * i);
  bytes.remove_prefix(4);
  if (bytes.size() < size) return false;
  field.assign(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::string EncodeData(const std::map<std::string, std::string>& data) {
  std::string out;
  for (const auto& [key, value] : data) {
    AppendField(out, key);
    AppendField(out, value);
  }
  return out;
}

std::optional<std::map<std::string, std::string>> DecodeData(std::string_view bytes) {
  std::map<std::string, std::string> data;
  while (!bytes.empty()) {
    std::string key, value;
    if (!TakeField(bytes, key) || !TakeField(bytes, value)) return std::nullopt;
    data[std::move(key)] = std::move(value);
  }
  return data;
}

}  // namespace gloo::state
