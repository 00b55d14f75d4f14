#include "template/expression.h"

#include <algorithm>
#include <cstring>

#include "template/codec.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

struct BinaryOperator {
  std::string_view text;
  int precedence;
  Op op;
};

// As Inja has them: `and` and `or` are alike, `not` binds like `*`.
constexpr BinaryOperator kOperators[] = {
    {"and", 1, Op::kTruthy},      {"or", 1, Op::kTruthy}, {"in", 2, Op::kIn},        {"==", 2, Op::kEqual},
    {"!=", 2, Op::kNotEqual},     {"<", 2, Op::kLess},    {"<=", 2, Op::kLessEqual}, {">", 2, Op::kGreater},
    {">=", 2, Op::kGreaterEqual}, {"+", 3, Op::kAdd},     {"-", 3, Op::kSubtract},   {"*", 4, Op::kMultiply},
    {"/", 4, Op::kDivide},        {"%", 4, Op::kModulo},  {"^", 5, Op::kPower},
};
constexpr int kNotPrecedence = 5;  // its operand holds nothing weaker than `^`

const BinaryOperator* FindOperator(const Token& token) {
  if (token.kind != Tok::kPunctuation && token.kind != Tok::kName) return nullptr;
  for (const BinaryOperator& op : kOperators) {
    if (op.text == token.text) return &op;
  }
  return nullptr;
}

bool IsReserved(std::string_view name) {
  return name == "and" || name == "or" || name == "in" || name == "not" || name == "if" || name == "else";
}

std::string Plural(int count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

void ErrorList::Add(size_t offset, std::string message) {
  ++count_;
  if (errors_ == nullptr || count_ > kMost) return;
  TemplateError error;
  Locate(source_, offset, &error.line, &error.column);
  error.message = std::move(message);
  errors_->push_back(std::move(error));
}

std::string Describe(const Token& token) {
  switch (token.kind) {
    case Tok::kExpressionClose:
    case Tok::kStatementClose:
      return "the end of the tag";
    case Tok::kEnd:
      return "the end of the template";
    case Tok::kText:
    case Tok::kExpressionOpen:
    case Tok::kStatementOpen:
      return "the end of the template";
    default:
      break;
  }
  std::string_view text = token.text.substr(0, 40);
  if (token.kind == Tok::kString) return std::string(text);
  return "\"" + std::string(text) + "\"";
}

Expr* ExpressionParser::Fail(const Token& token, std::string message) {
  if (token.kind == Tok::kBad) {
    if (token.text == "\"" || token.text == "'") {
      message = "the string does not end";
    } else {
      message = "unexpected character " + Describe(token);
    }
  }
  errors_->Add(token.offset, std::move(message));
  return nullptr;
}

bool ExpressionParser::Expect(std::string_view punctuation, std::string_view after) {
  if (Next(punctuation)) {
    Take();
    return true;
  }
  Fail(Peek(),
       "expected \"" + std::string(punctuation) + "\" after " + std::string(after) + ", got " + Describe(Peek()));
  return false;
}

Expr* ExpressionParser::New(Expr::Kind kind, uint32_t offset) {
  Expr* expr = new (tree_->New<Expr>(1)) Expr();
  expr->kind = kind;
  expr->offset = offset;
  return expr;
}

Expr* ExpressionParser::NewWithArgs(Expr::Kind kind, uint32_t offset, const std::vector<Expr*>& args) {
  Expr* expr = New(kind, offset);
  expr->args = tree_->New<Expr*>(args.size());
  std::copy(args.begin(), args.end(), expr->args);
  expr->arg_count = static_cast<uint32_t>(args.size());
  return expr;
}

Expr* ExpressionParser::Constant(uint32_t offset, const Value& value) {
  Expr* expr = New(Expr::Kind::kConstant, offset);
  expr->value = value;
  return expr;
}

Expr* ExpressionParser::Ternary() {
  // Every way down the grammar comes through here and through Unary(): two steps a level.
  if (++depth_ > 2 * limits_.nesting) return Fail(Peek(), "the expression is nested too deep");
  Expr* then = Binary(1);
  if (then != nullptr && NextWord("if")) {
    uint32_t offset = Take().offset;
    Expr* condition = Binary(1);
    if (condition == nullptr) return nullptr;
    if (!NextWord("else")) {
      return Fail(Peek(), "expected \"else\" after \"a if condition\", got " + Describe(Peek()));
    }
    Take();
    Expr* otherwise = Ternary();
    if (otherwise == nullptr) return nullptr;
    then = NewWithArgs(Expr::Kind::kTernary, offset, {condition, then, otherwise});
  }
  --depth_;
  return then;
}

Expr* ExpressionParser::Binary(int min_precedence) {
  Expr* left = Unary();
  // A left-leaning chain makes a deep tree without recursion here; it is walked recursively later.
  int chain = 0;
  while (left != nullptr) {
    const BinaryOperator* op = FindOperator(Peek());
    if (op == nullptr || op->precedence < min_precedence) return left;
    if (++chain > 4 * limits_.nesting) return Fail(Peek(), "the expression is too long");
    uint32_t offset = Take().offset;
    Expr* right = Binary(op->text == "^" ? op->precedence : op->precedence + 1);
    if (right == nullptr) return nullptr;
    Expr::Kind kind = op->text == "and" ? Expr::Kind::kAnd : op->text == "or" ? Expr::Kind::kOr : Expr::Kind::kBinary;
    left = NewWithArgs(kind, offset, {left, right});
    left->op = op->op;
  }
  return nullptr;
}

Expr* ExpressionParser::Unary() {
  if (++depth_ > 2 * limits_.nesting) return Fail(Peek(), "the expression is nested too deep");
  Expr* result = nullptr;
  if (NextWord("not") || Next("-")) {
    const Token& token = Take();
    Expr* operand = Binary(kNotPrecedence);
    if (operand == nullptr) return nullptr;
    result = NewWithArgs(Expr::Kind::kUnary, token.offset, {operand});
    result->op = token.text == "-" ? Op::kNegate : Op::kNot;
  } else {
    result = Postfix();
  }
  --depth_;
  return result;
}

Expr* ExpressionParser::Postfix() {
  Expr* expr = Primary();
  int chain = 0;
  while (expr != nullptr) {
    if (!Next(".") && !Next("[") && !Next("|")) return expr;
    if (++chain > limits_.nesting) return Fail(Peek(), "the expression is nested too deep");
    if (Next("|")) {
      expr = Pipe(expr);
    } else if (Next("[")) {
      Take();
      Expr* key = Ternary();
      if (key == nullptr || !Expect("]", "the index")) return nullptr;
      expr = Extend(expr, key);
    } else {
      Take();
      const Token& token = Peek();
      std::vector<std::string_view> parts;
      if (token.kind == Tok::kNumber && std::all_of(token.text.begin(), token.text.end(), IsDigit)) {
        parts.push_back(token.text);
      } else if (token.kind != Tok::kName || !SplitPath(token.text, &parts)) {
        return Fail(token, "expected a name after \".\", got " + Describe(token));
      }
      Take();
      for (std::string_view part : parts) expr = Extend(expr, Constant(token.offset, Value::String(part)));
    }
  }
  return nullptr;
}

// base[key]; a variable with a constant key is a longer path.
Expr* ExpressionParser::Extend(Expr* base, Expr* key) {
  bool constant = key->kind == Expr::Kind::kConstant && (key->value.is_string() || key->value.is_number());
  if (base->kind == Expr::Kind::kVariable && constant) {
    uint32_t count = base->part_count;
    auto* parts = tree_->New<std::string_view>(count + 1);
    std::copy_n(base->parts, count, parts);
    parts[count] = constants_->Copy(key->value.view());
    std::string text(base->text);
    text += '.';
    text += key->value.view();
    base->text = constants_->Copy(text);
    base->parts = parts;
    base->part_count = count + 1;
    return base;
  }
  return NewWithArgs(Expr::Kind::kIndex, key->offset, {base, key});
}

Expr* ExpressionParser::Pipe(Expr* first) {
  Take();
  const Token& name = Peek();
  if (name.kind != Tok::kName) return Fail(name, "expected a function after \"|\", got " + Describe(name));
  Take();
  return Call(name, {first});
}

Expr* ExpressionParser::Call(const Token& name, std::vector<Expr*> args) {
  if (Next("(")) {
    Take();
    if (Next(")")) {
      Take();
    } else {
      while (true) {
        Expr* arg = Ternary();
        if (arg == nullptr) return nullptr;
        args.push_back(arg);
        if (Next(",")) {
          Take();
          continue;
        }
        if (!Expect(")", "the arguments of " + std::string(name.text) + "()")) return nullptr;
        break;
      }
    }
  }
  const FunctionInfo* info = FindFunction(name.text);
  if (info == nullptr) {
    if (name.text == "super") return Fail(name, "super() is not available: a template stands alone");
    std::vector<std::string_view> names;
    for (const FunctionInfo& f : Functions()) names.push_back(f.name);
    std::string_view suggestion = Suggest(name.text, names);
    std::string message = "unknown function " + Describe(name);
    if (!suggestion.empty()) message += "; did you mean \"" + std::string(suggestion) + "\"?";
    return Fail(name, message);
  }
  if (args.size() < info->min_args || args.size() > info->max_args) {
    std::string needs = info->min_args == info->max_args
                            ? Plural(info->min_args, "argument")
                            : std::to_string(info->min_args) + " to " + Plural(info->max_args, "argument");
    return Fail(name, std::string(name.text) + "() needs " + needs + ", got " + std::to_string(args.size()));
  }
  Expr* call = NewWithArgs(Expr::Kind::kCall, name.offset, args);
  call->fn = info->id;
  return call;
}

Expr* ExpressionParser::Primary() {
  const Token& token = Peek();
  switch (token.kind) {
    case Tok::kNumber: {
      Take();
      bool integral = false;
      if (JsonNumberLength(token.text, &integral) != token.text.size()) {
        return Fail(token, Describe(token) + " is not a number");
      }
      return Constant(token.offset, Value::Number(constants_->Copy(token.text), integral));
    }
    case Tok::kString:
      return StringLiteral();
    case Tok::kName:
      return Name();
    default:
      break;
  }
  if (Next("[")) return ArrayLiteral();
  if (Next("{")) return ObjectLiteral();
  if (Next("(")) {
    Take();
    Expr* inner = Ternary();
    if (inner == nullptr || !Expect(")", "the expression in parentheses")) return nullptr;
    return inner;
  }
  return Fail(token, "expected a value, got " + Describe(token));
}

Expr* ExpressionParser::StringLiteral() {
  const Token& token = Take();
  std::string_view raw = token.text.substr(1, token.text.size() - 2);
  std::string unquoted;
  if (token.text[0] == '\'') {
    // \' is the one escape that JSON does not have.
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] == '\\' && i + 1 < raw.size()) {
        if (raw[i + 1] != '\'') unquoted += '\\';
        unquoted += raw[++i];
      } else {
        unquoted += raw[i];
      }
    }
    raw = unquoted;
  }
  std::string_view text;
  JsonError error;
  if (!UnescapeJson(raw, constants_, &text, &error)) {
    return Fail(token, std::string(error.message) + " in the string " + Describe(token));
  }
  return Constant(token.offset, Value::String(text));
}

Expr* ExpressionParser::ArrayLiteral() {
  const Token& open = Take();
  std::vector<Expr*> items;
  bool constant = true;
  if (Next("]")) {
    Take();
  } else {
    while (true) {
      Expr* item = Ternary();
      if (item == nullptr) return nullptr;
      constant = constant && item->kind == Expr::Kind::kConstant;
      items.push_back(item);
      if (Next(",")) {
        Take();
        continue;
      }
      if (!Expect("]", "the elements of the array")) return nullptr;
      break;
    }
  }
  if (!constant) return NewWithArgs(Expr::Kind::kArray, open.offset, items);
  Value* values = constants_->New<Value>(items.size());
  for (size_t i = 0; i < items.size(); ++i) values[i] = items[i]->value;
  return Constant(open.offset, Value::Array(values, static_cast<uint32_t>(items.size())));
}

Expr* ExpressionParser::ObjectLiteral() {
  const Token& open = Take();
  std::vector<Expr*> items;
  bool constant = true;
  if (Next("}")) {
    Take();
  } else {
    while (true) {
      if (Peek().kind != Tok::kString) {
        return Fail(Peek(), "expected a key in quotes, got " + Describe(Peek()));
      }
      Expr* key = StringLiteral();
      if (key == nullptr || !Expect(":", "the key")) return nullptr;
      Expr* value = Ternary();
      if (value == nullptr) return nullptr;
      constant = constant && value->kind == Expr::Kind::kConstant;
      items.push_back(key);
      items.push_back(value);
      if (Next(",")) {
        Take();
        continue;
      }
      if (!Expect("}", "the members of the object")) return nullptr;
      break;
    }
  }
  if (!constant) return NewWithArgs(Expr::Kind::kObject, open.offset, items);
  std::vector<Member> members;
  for (size_t i = 0; i < items.size(); i += 2) members.push_back({items[i]->value.view(), items[i + 1]->value});
  return Constant(open.offset, MakeObject(constants_, members.data(), static_cast<uint32_t>(members.size())));
}

Expr* ExpressionParser::Name() {
  const Token& token = Take();
  if (token.text == "true") return Constant(token.offset, Value::Bool(true));
  if (token.text == "false") return Constant(token.offset, Value::Bool(false));
  if (token.text == "null") return Constant(token.offset, Value::Null());
  if (IsReserved(token.text)) return Fail(token, "expected a value, got " + Describe(token));
  if (Next("(")) return Call(token, {});
  return Variable(token);
}

Expr* ExpressionParser::Variable(const Token& token) {
  std::vector<std::string_view> parts;
  if (!SplitPath(token.text, &parts))
    return Fail(token, Describe(token) + " is no name: between the dots stands nothing, or too much");
  Expr* expr = New(Expr::Kind::kVariable, token.offset);
  expr->text = token.text;
  auto* copy = tree_->New<std::string_view>(parts.size());
  std::copy(parts.begin(), parts.end(), copy);
  expr->parts = copy;
  expr->part_count = static_cast<uint32_t>(parts.size());
  return expr;
}

}  // namespace gloo::tmpl
