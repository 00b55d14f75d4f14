#include "cli/listener_rules.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

using HttpConnectionManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::config::core::v3::HttpProtocolOptions;

// Of the connection, or for Envoy alone: an Envoy at the edge takes them from no client.
constexpr std::string_view kNotPassedOn[] = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    translator::kScopeHeader,
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that an escape at `at` stands for; -1 where there is none.
int EscapedAt(std::string_view text, size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return -1;
  const int high = HexDigit(text[at + 1]);
  const int low = HexDigit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

size_t QueryBegin(std::string_view path) { return std::min(path.find('?'), path.size()); }

// "%2F" and "%5C" as what they stand for; true where there was one.
bool UnescapeSlashes(std::string* path) {
  const size_t end = QueryBegin(*path);
  std::string out;
  for (size_t i = 0; i < end; ++i) {
    const int byte = EscapedAt(std::string_view(*path).substr(0, end), i);
    if (byte != '/' && byte != '\\') {
      out += (*path)[i];
      continue;
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  const bool found = out.size() != end;
  *path = out + path->substr(end);
  return found;
}

bool IsUnreserved(int c) {
  return c >= 0 && c < 0x80 &&
         (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~');
}

}  // namespace

bool CanonicalPath(std::string* path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const size_t end = QueryBegin(*path);
  const std::string_view plain = std::string_view(*path).substr(0, end);
  std::string text;
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (const int byte = EscapedAt(plain, i); byte >= 0) {
      if (byte == 0) return false;
      if (IsUnreserved(byte)) {
        text += static_cast<char>(byte);
      } else {
        text += plain.substr(i, 3);
      }
      i += 2;
    } else if (c == '\\') {
      text += '/';
    } else if (std::string_view(" \"<>^`{|}").find(c) != std::string_view::npos) {
      const auto byte = static_cast<unsigned char>(c);
      text += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      text += c;
    }
  }
  std::vector<std::string_view> segments;
  bool folder = false;
  for (size_t from = 1; from <= text.size();) {
    const size_t next = std::min(text.find('/', from), text.size());
    const std::string_view segment = std::string_view(text).substr(from, next - from);
    from = next + 1;
    folder = segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!folder) segments.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : segments) StrAppend(&out, "/", segment);
  if (folder || out.empty()) out += '/';
  *path = out + path->substr(end);
  return true;
}

void MergeSlashes(std::string* path) {
  const size_t end = QueryBegin(*path);
  const std::string_view plain = std::string_view(*path).substr(0, end);
  if (plain.find("//") == std::string_view::npos) return;
  std::string out;
  bool any = false;
  for (size_t from = 0; from < plain.size();) {
    const size_t next = std::min(plain.find('/', from), plain.size());
    if (next > from) {
      StrAppend(&out, "/", plain.substr(from, next - from));
      any = true;
    }
    from = next + 1;
  }
  // Slashes alone stay two: the first and the last one.
  if (!any) out = "/";
  if (plain.back() == '/') out += '/';
  *path = out + path->substr(end);
}

EarlyAnswer Admit(const HttpConnectionManager& manager, Request* request) {
  const auto underscores = manager.common_http_protocol_options().headers_with_underscores_action();
  for (const auto& [name, value] : request->headers) {
    if (underscores == HttpProtocolOptions::REJECT_REQUEST && name.find('_') != std::string::npos) {
      return {400, StrCat("the header ", name, " has an underscore in its name, which no request may have")};
    }
  }
  std::erase_if(request->headers, [&](const auto& header) {
    if (underscores == HttpProtocolOptions::DROP_HEADER && header.first.find('_') != std::string::npos) return true;
    return std::find(std::begin(kNotPassedOn), std::end(kNotPassedOn), header.first) != std::end(kNotPassedOn);
  });

  std::string& path = request->path;
  if (path.find('#') != std::string::npos) return {400, "the path has a \"#\", which clients keep to themselves"};
  for (const char c : path) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return {400, "the path has a character that must be written as %XX"};
    }
  }
  bool redirect = false;
  const auto slashes = manager.path_with_escaped_slashes_action();
  if (slashes != HttpConnectionManager::KEEP_UNCHANGED &&
      slashes != HttpConnectionManager::IMPLEMENTATION_SPECIFIC_DEFAULT && UnescapeSlashes(&path)) {
    if (slashes == HttpConnectionManager::REJECT_REQUEST) return {400, "the path has an escaped slash"};
    redirect = slashes == HttpConnectionManager::UNESCAPE_AND_REDIRECT;
  }
  if (manager.normalize_path().value() && !CanonicalPath(&path)) return {400, "the path has a character %00"};
  if (manager.merge_slashes()) MergeSlashes(&path);
  if (redirect) return {307, StrCat("redirected to ", path, ", the path without escaped slashes")};
  return {};
}

}  // namespace gloo::cli
