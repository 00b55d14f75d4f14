#include "translator/names.h"

#include <arpa/inet.h>

#include "translator/text.h"

namespace gloo::translator {
namespace {

bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool IsLabelChar(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

bool IsIpv6Literal(std::string_view text) {
  return text.size() > 3 && text.front() == '[' && text.back() == ']' &&
         text.substr(1, text.size() - 2).find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

}  // namespace

std::string ResourceName(std::string_view ns, std::string_view name) { return Cat(ns, "/", name); }

std::string UpstreamSecretName(std::string_view use, const model::DataKey& key) {
  // What a handshake may hold: 255 bytes (RFC 6066 has a length, TLS libraries have this limit).
  constexpr size_t kLongestServerName = 255;
  return Cat(use, ":", key.ns, "/", key.name, ":", std::string(kLongestServerName, '_'));
}

std::string ScopeName(std::string_view listener, std::string_view domain) { return Cat(listener, "|", domain); }

model::DataKey Resolve(std::string_view ns, std::string_view name) {
  size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {std::string(ns), std::string(name)};
  return {std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

std::string CanonicalIp(const std::string& written) {
  for (const int family : {AF_INET, AF_INET6}) {
    unsigned char bytes[sizeof(in6_addr)];
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(family, written.c_str(), bytes) != 1) continue;
    if (inet_ntop(family, bytes, text, sizeof(text)) != nullptr) return text;
  }
  return "";
}

bool NormalizeDomain(std::string_view written, std::string* domain, std::string* error) {
  std::string text = Lower(written);
  if (text.size() > 1 && text.back() == '.') text.pop_back();
  if (text == "*" || IsIpv6Literal(text)) {
    *domain = std::move(text);
    return true;
  }
  std::string_view rest = text;
  if (rest.substr(0, 2) == "*.") rest.remove_prefix(2);
  if (rest.empty()) {
    *error = "a domain must not be empty; \"*\" means every host";
    return false;
  }
  if (rest.size() > 253) {
    *error = Cat("a domain may have 253 characters, this one has ", rest.size());
    return false;
  }
  if (rest.find('*') != std::string_view::npos) {
    *error = Cat(JsonQuote(written), " has a wildcard inside; only \"*.example.com\" and \"*\" are possible");
    return false;
  }
  if (rest.find(':') != std::string_view::npos) {
    *error = Cat(JsonQuote(written), " has a port; a domain matches whatever the port is, write it without");
    return false;
  }
  while (true) {
    std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty() || label.size() > 63) {
      *error = Cat(JsonQuote(written), " has a label of ", label.size(), " characters; 1 to 63 are possible");
      return false;
    }
    for (char c : label) {
      if (IsLabelChar(c)) continue;
      *error =
          Cat(JsonQuote(written), " holds ",
              static_cast<unsigned char>(c) >= 0x80 ? "a letter beyond ASCII; write its punycode form (\"xn--...\")"
                                                    : Cat(JsonQuote(std::string(1, c)), ", which no host name has"));
      return false;
    }
    if (label.size() == rest.size()) break;
    rest.remove_prefix(label.size() + 1);
  }
  *domain = std::move(text);
  return true;
}

std::string HeaderName(std::string_view written, HeaderUse use, std::string_view field, Issues& issues) {
  std::string name = Lower(written);
  if (name.empty()) {
    issues.Error(field, "BadHeaderName", "a header's name must not be empty");
    return "";
  }
  std::string_view token = name;
  if (token.front() == ':') token.remove_prefix(1);
  bool valid = !token.empty();
  for (char c : token) valid = valid && IsTokenChar(c);
  if (!valid) {
    issues.Error(
        field, "BadHeaderName",
        Cat(JsonQuote(written), " is no header name; letters, digits and any of -_.!#$%&'*+^`|~ are possible"));
    return "";
  }
  if (name == kScopeHeader || name == kCallHeader) {
    issues.Error(field, "ProtectedHeader", Cat(JsonQuote(name), " belongs to Gloo and is not seen by routes"));
    return "";
  }
  if (use == HeaderUse::kMatch && name.find('_') != std::string::npos) {
    issues.Warning(field, "HeaderNeverSeen",
                   Cat("requests that have a header with \"_\" in its name are refused by every listener, so ",
                       JsonQuote(written), " is never there"));
  }
  if (use == HeaderUse::kMatch) return name == "host" ? ":authority" : name;
  if (name == "host" || name == ":authority") {
    issues.Error(field, "ProtectedHeader", "the host is changed by hostRewrite, not as a header");
    return "";
  }
  if (name.front() == ':') {
    issues.Error(field, "ProtectedHeader", Cat(JsonQuote(name), " cannot be changed as a header; see prefixRewrite"));
    return "";
  }
  return name;
}

std::string EscapeHeaderValue(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    out += c;
    if (c == '%') out += c;
  }
  return out;
}

}  // namespace gloo::translator
