#include "filters/envoy_body.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace gloo::filters {

namespace {

// Calls `use` with what has come, in its pieces.
template <typename Use>
void WithReceived(abi::EnvoyFilterPtr envoy, abi::BodyType type, Use use) {
  const size_t count = envoy_dynamic_module_callback_http_get_body_chunks_size(envoy, type);
  if (count == 0) return;
  std::array<abi::EnvoyBuffer, 16> few;
  std::vector<abi::EnvoyBuffer> many(count > few.size() ? count : 0);
  const std::span<abi::EnvoyBuffer> chunks(many.empty() ? few.data() : many.data(), count);
  if (envoy_dynamic_module_callback_http_get_body_chunks(envoy, type, chunks.data())) use(chunks);
}

size_t SizeOf(std::span<const abi::EnvoyBuffer> chunks) {
  size_t size = 0;
  for (const abi::EnvoyBuffer& chunk : chunks) size += chunk.size;
  return size;
}

}  // namespace

size_t ReceivedSize(abi::EnvoyFilterPtr envoy, abi::BodyType type) {
  size_t size = 0;
  WithReceived(envoy, type, [&](std::span<const abi::EnvoyBuffer> chunks) { size = SizeOf(chunks); });
  return size;
}

bool TakeReceived(abi::EnvoyFilterPtr envoy, abi::BodyType type, size_t limit, std::string* body) {
  bool fits = true;
  WithReceived(envoy, type, [&](std::span<const abi::EnvoyBuffer> chunks) {
    const size_t size = SizeOf(chunks);
    fits = size <= limit - std::min(limit, body->size());
    if (!fits) return;
    // Mostly the first piece is all of it.
    if (body->empty()) body->reserve(size);
    for (const abi::EnvoyBuffer& chunk : chunks) body->append(chunk.view());
    envoy_dynamic_module_callback_http_drain_body(envoy, type, size);
  });
  return fits;
}

}  // namespace gloo::filters
