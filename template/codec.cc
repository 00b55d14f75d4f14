#include "template/codec.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gloo::tmpl {
namespace {

constexpr char kUpperHex[] = "0123456789ABCDEF";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool IsUnreserved(char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

template <typename Keep>
void AppendPercent(std::string_view text, Keep keep, std::string* out) {
  for (char c : text) {
    if (keep(c)) {
      out->push_back(c);
    } else {
      out->push_back('%');
      out->push_back(kUpperHex[static_cast<unsigned char>(c) >> 4]);
      out->push_back(kUpperHex[static_cast<unsigned char>(c) & 15]);
    }
  }
}

int Hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = ToLower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int Sextet(char c, bool url) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == (url ? '-' : '+')) return 62;
  if (c == (url ? '_' : '/')) return 63;
  return -1;
}

}  // namespace

void AppendUrlEncoded(std::string_view text, std::string* out) { AppendPercent(text, IsUnreserved, out); }

void AppendPathEncoded(std::string_view text, std::string* out) {
  AppendPercent(
      text,
      [](char c) { return IsUnreserved(c) || std::string_view("!$&'()*+,;=:@").find(c) != std::string_view::npos; },
      out);
}

size_t UrlDecode(std::string_view text, bool plus_is_space, char* to) {
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%' && i + 2 < text.size() && Hex(text[i + 1]) >= 0 && Hex(text[i + 2]) >= 0) {
      c = static_cast<char>(Hex(text[i + 1]) * 16 + Hex(text[i + 2]));
      i += 2;
    }
    to[size++] = c;
  }
  return size;
}

void AppendUrlDecoded(std::string_view text, bool plus_is_space, std::string* out) {
  const size_t start = out->size();
  out->resize(start + text.size());
  out->resize(start + UrlDecode(text, plus_is_space, out->data() + start));
}

void AppendBase64(std::string_view bytes, bool url, std::string* out) {
  const char* alphabet = url ? kBase64Url : kBase64;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = (group << 8) | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) {
      if (j <= count) {
        out->push_back(alphabet[(group >> (18 - 6 * j)) & 63]);
      } else if (!url) {
        out->push_back('=');
      }
    }
  }
}

bool AppendBase64Decoded(std::string_view text, bool url, std::string* out) {
  size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  size_t rest = text.size() % 4;
  if (rest == 1 || (padding > 0 && rest + padding != 4)) return false;
  uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    int sextet = Sextet(c, url);
    if (sextet < 0) return false;
    bits = (bits << 6) | static_cast<uint32_t>(sextet);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out->push_back(static_cast<char>(bits >> have));
      bits &= (1u << have) - 1;
    }
  }
  return bits == 0;
}

std::string_view Suggest(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > 64) return {};
  std::string_view best;
  // One mistake in three letters, at most three.
  size_t best_distance = std::clamp<size_t>(name.size() / 3, 1, 3) + 1;
  for (std::string_view candidate : known) {
    // Distance with swaps of neighbours counted once; letter case costs nothing.
    std::vector<size_t> before, previous, row(candidate.size() + 1);
    for (size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= name.size(); ++i) {
      before = previous;
      previous = row;
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        bool same = ToLower(name[i - 1]) == ToLower(candidate[j - 1]);
        row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
        if (i > 1 && j > 1 && ToLower(name[i - 1]) == ToLower(candidate[j - 2]) &&
            ToLower(name[i - 2]) == ToLower(candidate[j - 1])) {
          row[j] = std::min(row[j], before[j - 2] + 1);
        }
      }
    }
    size_t distance = row[candidate.size()];
    if (distance < best_distance && distance < name.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return ToLower(x) == ToLower(y); });
}

}  // namespace gloo::tmpl
