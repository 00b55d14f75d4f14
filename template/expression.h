// Parses the inside of tags to a tree. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "template/arena.h"
#include "template/functions.h"
#include "template/lexer.h"
#include "template/program.h"
#include "template/value.h"

namespace gloo::tmpl {

// Errors of one template, in the order of their places when they are taken.
class ErrorList {
 public:
  ErrorList(std::string_view source, std::vector<TemplateError>* errors) : source_(source), errors_(errors) {}
  void Add(size_t offset, std::string message);
  bool any() const { return count_ > 0; }

 private:
  static constexpr int kMost = 16;
  std::string_view source_;
  std::vector<TemplateError>* errors_;
  int count_ = 0;
};

struct Expr {
  enum class Kind : uint8_t {
    kConstant,  // value
    kVariable,  // text, parts
    kUnary,     // op, args[0]
    kBinary,    // op, args[0..1]
    kAnd,
    kOr,
    kIndex,    // args[0][args[1]]
    kCall,     // fn, args
    kArray,    // args
    kObject,   // args: key, value, key, value ...
    kTernary,  // args: condition, then, else
  };
  Kind kind = Kind::kConstant;
  Op op = Op::kText;
  Fn fn = Fn::kRaw;
  uint32_t offset = 0;  // in the template
  Value value = Value::Null();
  std::string_view text;
  const std::string_view* parts = nullptr;
  uint32_t part_count = 0;
  Expr** args = nullptr;
  uint32_t arg_count = 0;
};

class ExpressionParser {
 public:
  // Constants go to `constants`, which lives as long as the program; the tree to `tree`.
  ExpressionParser(const std::vector<Token>& tokens, size_t* position, Arena* constants, Arena* tree,
                   const Limits& limits, ErrorList* errors)
      : tokens_(tokens), position_(*position), constants_(constants), tree_(tree), limits_(limits), errors_(errors) {}

  // Null on error, which is told.
  Expr* Parse() { return Ternary(); }

 private:
  const Token& Peek() const { return tokens_[position_]; }
  const Token& Take() { return tokens_[position_ + 1 < tokens_.size() ? position_++ : position_]; }
  bool Next(std::string_view punctuation) const {
    return Peek().kind == Tok::kPunctuation && Peek().text == punctuation;
  }
  bool NextWord(std::string_view word) const { return Peek().kind == Tok::kName && Peek().text == word; }
  bool Expect(std::string_view punctuation, std::string_view after);
  Expr* Fail(const Token& token, std::string message);
  Expr* New(Expr::Kind kind, uint32_t offset);
  Expr* NewWithArgs(Expr::Kind kind, uint32_t offset, const std::vector<Expr*>& args);
  Expr* Constant(uint32_t offset, const Value& value);

  Expr* Ternary();
  Expr* Binary(int min_precedence);
  Expr* Unary();
  Expr* Postfix();
  Expr* Primary();
  Expr* StringLiteral();
  Expr* ArrayLiteral();
  Expr* ObjectLiteral();
  Expr* Name();
  Expr* Variable(const Token& token);
  Expr* Extend(Expr* base, Expr* key);
  Expr* Pipe(Expr* first);
  // With the name taken; arguments to `)` if there are any.
  Expr* Call(const Token& name, std::vector<Expr*> args);

  const std::vector<Token>& tokens_;
  size_t& position_;
  Arena* constants_;
  Arena* tree_;
  const Limits& limits_;
  ErrorList* errors_;
  int depth_ = 0;
};

// "\"x\"", "the end of the tag".
std::string Describe(const Token& token);

}  // namespace gloo::tmpl
