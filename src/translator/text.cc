#include "translator/text.h"

#include <cctype>

#include <algorithm>

namespace gloo::translator {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool IsNameOf(std::string_view text, size_t least, size_t most, std::string_view others) {
  return text.size() >= least && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [others](unsigned char c) {
           return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

}  // namespace gloo::translator
