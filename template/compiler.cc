#include "template/compiler.h"

#include <algorithm>
#include <iterator>

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

constexpr int kMaxElseIf = 500;
constexpr std::string_view kStatements[] = {"if", "else", "endif", "for", "endfor", "set"};

bool IsStop(std::string_view name) { return name == "else" || name == "endif" || name == "endfor"; }

bool BeginsLikeJson(const std::vector<Token>& tokens) {
  for (const Token& token : tokens) {
    if (token.kind == Tok::kExpressionOpen) return false;
    if (token.kind != Tok::kText) continue;
    for (char c : token.text) {
      if (!IsSpace(c)) return c == '{' || c == '[';
    }
  }
  return false;
}

// Where branches meet. What follows may be inside quotes or outside when they end differently.
TextState Meet(const TextState& a, const TextState& b) {
  TextState met = a;
  met.unsure = a.unsure || b.unsure || a.in_string != b.in_string || a.escaped != b.escaped;
  // More is encoded there: the safer side.
  met.in_query = a.in_query || b.in_query;
  return met;
}

}  // namespace

void Compiler::Compile() {
  landing_ = options_.landing;
  if (landing_ == Landing::kBody) landing_ = BeginsLikeJson(tokens_) ? Landing::kJson : Landing::kText;
  if (tokens_[0].kind == Tok::kText) program_->prefix = tokens_[0].text;
  while (true) {
    Block({}, 0);
    if (tokens_[position_].kind == Tok::kEnd) break;
    // A stop word without its opener.
    const Token& word = tokens_[position_ + 1];
    std::string_view opener = word.text == "endfor" ? "for" : "if";
    errors_->Add(word.offset, "\"" + std::string(word.text) + "\" without \"" + std::string(opener) + "\"");
    SkipTag();
  }
  ResolvePaths();
  program_->is_constant =
      std::all_of(program_->code.begin(), program_->code.end(), [](const Instruction& i) { return i.op == Op::kText; });
  if (program_->code.size() > options_.limits.instructions) {
    errors_->Add(
        0, "the template is too large: more than " + std::to_string(options_.limits.instructions) + " instructions");
  }
  if (program_->max_stack > kMaxStack) errors_->Add(0, "an expression of the template is too large");
}

bool Compiler::AtStop() const {
  return tokens_[position_].kind == Tok::kStatementOpen && tokens_[position_ + 1].kind == Tok::kName &&
         IsStop(tokens_[position_ + 1].text);
}

void Compiler::Block(std::string_view opener, size_t opener_offset) {
  if (++nesting_ > options_.limits.nesting) {
    errors_->Add(opener_offset, "\"" + std::string(opener) + "\" is nested too deep");
    position_ = tokens_.size() - 1;
    gave_up_ = true;
  }
  while (tokens_[position_].kind != Tok::kEnd && !AtStop()) {
    const Token& token = tokens_[position_];
    switch (token.kind) {
      case Tok::kText:
        Text(token);
        ++position_;
        break;
      case Tok::kExpressionOpen:
        ++position_;
        Substitution();
        break;
      case Tok::kStatementOpen:
        ++position_;
        Statement();
        break;
      case Tok::kBad:
        errors_->Add(token.offset, "the comment does not end");
        ++position_;
        break;
      default:
        ++position_;
    }
  }
  --nesting_;
}

void Compiler::Text(const Token& token) {
  Add(Op::kText, token.offset, 0, static_cast<uint32_t>(program_->texts.size()));
  std::string_view text = token.text;
  std::string encoded;
  if (landing_ == Landing::kQuery) {
    AppendUrlEncoded(text, &encoded);
    text = program_->arena.Copy(encoded);
  }
  program_->texts.push_back(text);
  for (char c : token.text) {
    if (landing_ == Landing::kJson) {
      if (state_.escaped) {
        state_.escaped = false;
      } else if (c == '"') {
        state_.in_string = !state_.in_string;
      } else if (c == '\\' && state_.in_string) {
        state_.escaped = true;
      }
    } else if (c == '?') {
      state_.in_query = true;
    }
  }
}

void Compiler::SkipTag() {
  while (true) {
    Tok kind = tokens_[position_].kind;
    if (kind == Tok::kEnd) return;
    ++position_;
    if (kind == Tok::kExpressionClose || kind == Tok::kStatementClose) return;
    Tok next = tokens_[position_].kind;
    if (next == Tok::kText || next == Tok::kExpressionOpen || next == Tok::kStatementOpen) return;
  }
}

bool Compiler::CloseTag() {
  Tok kind = tokens_[position_].kind;
  if (kind == Tok::kExpressionClose || kind == Tok::kStatementClose) {
    ++position_;
    return true;
  }
  const Token& token = tokens_[position_];
  if (token.kind == Tok::kEnd) {
    errors_->Add(token.offset, "the tag does not end");
  } else if (token.kind == Tok::kBad) {
    bool string = token.text == "\"" || token.text == "'";
    errors_->Add(token.offset, string ? "the string does not end" : "unexpected character " + Describe(token));
  } else {
    errors_->Add(token.offset, "expected the end of the tag, got " + Describe(token));
  }
  SkipTag();
  return false;
}

Expr* Compiler::Parse() {
  ExpressionParser parser(tokens_, &position_, &program_->arena, &tree_, options_.limits, errors_);
  Expr* expr = parser.Parse();
  if (expr == nullptr) SkipTag();
  return expr;
}

void Compiler::Substitution() {
  if (tokens_[position_].kind == Tok::kExpressionClose) {
    errors_->Add(tokens_[position_].offset, "the tag is empty");
    ++position_;
    return;
  }
  Expr* expr = Parse();
  if (expr != nullptr && CloseTag()) GenerateSubstitution(*expr);
}

void Compiler::Unknown(const Token& token) {
  std::string_view name = token.text;
  std::string message;
  if (name == "include" || name == "extends" || name == "block" || name == "endblock") {
    message = "\"" + std::string(name) + "\" is not available: a template stands alone";
  } else {
    message = "unknown statement " + Describe(token);
    std::string_view suggestion =
        name == "elif" || name == "elseif" || name == "elsif" ? "else if" : Suggest(name, kStatements);
    if (!suggestion.empty()) message += "; did you mean \"" + std::string(suggestion) + "\"?";
  }
  errors_->Add(token.offset, std::move(message));
}

void Compiler::Statement() {
  const Token& token = tokens_[position_];
  if (token.kind == Tok::kName && token.text == "if") {
    ++position_;
    If(token.offset);
  } else if (token.kind == Tok::kName && token.text == "for") {
    ++position_;
    For(token.offset);
  } else if (token.kind == Tok::kName && token.text == "set") {
    ++position_;
    Set(token.offset);
  } else if (token.kind == Tok::kName) {
    Unknown(token);
    SkipTag();
  } else {
    errors_->Add(token.offset, "expected a statement, got " + Describe(token));
    SkipTag();
  }
}

bool Compiler::TakeStop(std::string_view name, std::string_view opener, size_t opener_offset) {
  if (gave_up_) return false;
  if (!AtStop() || tokens_[position_ + 1].text != name) {
    errors_->Add(opener_offset, "\"" + std::string(opener) + "\" without \"" + std::string(name) + "\"");
    return false;
  }
  position_ += 2;
  return CloseTag();
}

void Compiler::If(uint32_t offset) {
  Expr* condition = Parse();
  if (condition != nullptr && CloseTag()) Generate(*condition, false);
  uint32_t to_else = Add(Op::kJumpIfFalse, offset, -1);
  TextState before = state_;
  ++conditional_;
  Block("if", offset);
  TextState after_then = state_;
  state_ = before;
  bool has_else = AtStop() && tokens_[position_ + 1].text == "else";
  if (!has_else) {
    PatchToHere(to_else);
    TakeStop("endif", "if", offset);
  } else {
    uint32_t to_end = Add(Op::kJump, offset, 0);
    PatchToHere(to_else);
    position_ += 2;
    const Token& token = tokens_[position_];
    if (token.kind == Tok::kName && token.text == "if") {
      ++position_;
      // The chained `if` takes the one `endif`.
      if (++chain_ > kMaxElseIf) {
        errors_->Add(token.offset, "more than " + std::to_string(kMaxElseIf) + " \"else if\" in a row");
        position_ = tokens_.size() - 1;
        gave_up_ = true;
      } else {
        If(token.offset);
      }
      --chain_;
    } else {
      CloseTag();
      Block("else", token.offset);
      TakeStop("endif", "if", offset);
    }
    PatchToHere(to_end);
  }
  --conditional_;
  state_ = Meet(after_then, state_);
}

void Compiler::For(uint32_t offset) {
  auto name = [&](std::string_view* to) {
    const Token& token = tokens_[position_];
    if (token.kind != Tok::kName || token.text.find_first_of("./") != std::string_view::npos || token.text == "loop") {
      errors_->Add(token.offset, "expected a variable name after \"for\", got " + Describe(token));
      return false;
    }
    *to = token.text;
    ++position_;
    return true;
  };
  LoopScope scope;
  bool good = name(&scope.value);
  if (good && tokens_[position_].text == ",") {
    ++position_;
    scope.key = scope.value;
    good = name(&scope.value);
  }
  if (good && !(tokens_[position_].kind == Tok::kName && tokens_[position_].text == "in")) {
    errors_->Add(tokens_[position_].offset,
                 "expected \"in\" after \"for " + std::string(scope.value) + "\", got " + Describe(tokens_[position_]));
    good = false;
  }
  if (good) {
    ++position_;
    Expr* sequence = Parse();
    if (sequence != nullptr && CloseTag()) Generate(*sequence, false);
  } else {
    SkipTag();
  }
  ForBody(offset, scope);
}

void Compiler::ForBody(uint32_t offset, const LoopScope& given) {
  LoopScope scope = given;
  if (static_cast<int>(scopes_.size()) >= kMaxLoops) {
    errors_->Add(offset, "more than " + std::to_string(kMaxLoops) + " loops in one another");
  }
  if (!scope.key.empty()) scope.key_slot = NewSlot(scope.key);
  scope.value_slot = NewSlot(scope.value);
  auto level = static_cast<uint8_t>(scopes_.size() % kMaxLoops);
  auto loop = static_cast<uint16_t>(program_->loops.size());
  program_->loops.push_back({scope.key_slot, scope.value_slot});
  if (program_->loops.size() > 0xffff) errors_->Add(offset, "too many loops");
  uint32_t begin = Add(Op::kForBegin, offset, -1, 0, loop, level);
  scopes_.push_back(scope);
  TextState before = state_;
  ++conditional_;
  Block("for", offset);
  --conditional_;
  scopes_.pop_back();
  Add(Op::kForNext, offset, 0, begin + 1, loop, level);
  PatchToHere(begin);
  TakeStop("endfor", "for", offset);
  // The body was compiled for its first run.
  if (landing_ == Landing::kJson && state_ != before) {
    errors_->Add(offset, "the text of the loop must end as it begins: inside quotes, or outside of them");
  } else if (landing_ == Landing::kPath && state_ != before) {
    errors_->Add(offset, "the text of the loop must not hold the \"?\" that begins the query");
  }
}

void Compiler::Set(uint32_t offset) {
  const Token& token = tokens_[position_];
  std::vector<std::string_view> parts;
  if (token.kind != Tok::kName || !SplitPath(token.text, &parts) || parts[0] == "loop") {
    errors_->Add(token.offset, "expected a variable name after \"set\", got " + Describe(token));
    SkipTag();
    return;
  }
  ++position_;
  if (tokens_[position_].text != "=") {
    errors_->Add(tokens_[position_].offset,
                 "expected \"=\" after \"set " + std::string(token.text) + "\", got " + Describe(tokens_[position_]));
    SkipTag();
    return;
  }
  ++position_;
  Expr* value = Parse();
  if (value == nullptr || !CloseTag()) return;
  Generate(*value, false);
  int slot = -1;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend() && slot < 0; ++scope) {
    if (scope->value == parts[0]) slot = scope->value_slot;
    if (scope->key == parts[0]) slot = scope->key_slot;
  }
  if (slot < 0) slot = SlotOfSet(parts[0], conditional_ == 0 && parts.size() == 1);
  uint32_t path = AddPath(token.text, parts.data(), static_cast<uint32_t>(parts.size()), false);
  open_paths_.pop_back();  // it is written, not read
  Add(Op::kSet, offset, -1, static_cast<uint32_t>(program_->sets.size()));
  program_->sets.push_back({slot, path});
}

int Compiler::NewSlot(std::string_view name) {
  program_->slots.push_back(name);
  return static_cast<int>(program_->slots.size()) - 1;
}

int Compiler::SlotOfSet(std::string_view name, bool certain) {
  for (NamedSlot& slot : set_slots_) {
    if (slot.name != name) continue;
    slot.certain = slot.certain || certain;
    return slot.slot;
  }
  set_slots_.push_back({name, NewSlot(name), certain});
  return set_slots_.back().slot;
}

}  // namespace gloo::tmpl
