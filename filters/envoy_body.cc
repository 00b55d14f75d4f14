#include "filters/envoy_body.h"

#include <algorithm>
#include <array>
#include <vector>

namespace gloo::filters {

bool TakeReceived(abi::EnvoyFilterPtr envoy, abi::BodyType type, size_t limit, std::string* body) {
  const size_t count = envoy_dynamic_module_callback_http_get_body_chunks_size(envoy, type);
  if (count == 0) return true;
  std::array<abi::EnvoyBuffer, 16> few;
  std::vector<abi::EnvoyBuffer> many(count > few.size() ? count : 0);
  abi::EnvoyBuffer* const chunks = many.empty() ? few.data() : many.data();
  if (!envoy_dynamic_module_callback_http_get_body_chunks(envoy, type, chunks)) return true;
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += chunks[i].size;
  if (size > limit - std::min(limit, body->size())) return false;
  // Mostly the first piece is all of it.
  if (body->empty()) body->reserve(size);
  for (size_t i = 0; i < count; ++i) body->append(chunks[i].view());
  envoy_dynamic_module_callback_http_drain_body(envoy, type, size);
  return true;
}

}  // namespace gloo::filters
