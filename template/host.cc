#include "template/host.h"

#include <algorithm>

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

// The host part of `host[:port]`. A colon without brackets is taken for a port only when it is the only one, so that a
// bare IPv6 address keeps its last group.
std::string_view StripPort(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t close = authority.find(']');
    return close == authority.npos ? authority : authority.substr(0, close + 1);
  }
  const size_t colon = authority.find(':');
  if (colon == authority.npos || authority.find(':', colon + 1) != authority.npos) return authority;
  return authority.substr(0, colon);
}

}  // namespace

std::string_view NormalizeHost(std::string_view authority, std::array<char, kMaxHost>* buffer) {
  // A trailing dot stands before the port: "example.com.:80".
  std::string_view host = StripPort(authority);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  if (host.size() > kMaxHost) return {};
  std::transform(host.begin(), host.end(), buffer->begin(), ToLower);
  return std::string_view(buffer->data(), host.size());
}

}  // namespace gloo::tmpl
