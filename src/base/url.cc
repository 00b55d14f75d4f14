#include "base/url.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace gloo {

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : StrCat("[", host, "]");
  return port == (tls ? 443 : 80) ? out : StrCat(out, ":", port);
}

std::string Url::origin() const { return StrCat(tls ? "https://" : "http://", authority()); }

std::optional<Url> ParseUrl(std::string_view text) {
  Url url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return std::nullopt;
  text.remove_prefix(url.tls ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view host = text.substr(0, end);
  url.target = text.substr(end);
  url.port = url.tls ? 443 : 80;
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const char* const last = host.data() + host.size();
    const auto [read, error] = std::from_chars(host.data() + colon + 1, last, url.port);
    if (error != std::errc() || read != last || url.port == 0) return std::nullopt;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool is_host = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:").find(c) != std::string_view::npos;
  });
  if (host.empty() || !is_host) return std::nullopt;
  url.host = host;
  return url;
}

}  // namespace gloo
