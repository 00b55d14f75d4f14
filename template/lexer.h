// Cuts a template into tokens. Internal to this folder.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gloo::tmpl {

enum class Tok : uint8_t {
  kText,
  kExpressionOpen,
  kExpressionClose,
  kStatementOpen,  // {% and ##
  kStatementClose,
  kName,
  kNumber,
  kString,  // with its quotes
  kPunctuation,
  kBad,  // what cannot be: an unknown character, a string or comment without end
  kEnd,
};

struct Token {
  Tok kind;
  uint32_t offset;  // in the template
  std::string_view text;
};

// Ends with kEnd. Whitespace control and comments are done with.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace gloo::tmpl
