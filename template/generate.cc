// The part of the compiler that turns expressions into instructions.
#include <algorithm>

#include "template/codec.h"
#include "template/compiler.h"

namespace gloo::tmpl {
namespace {

constexpr std::string_view kLoopFields[] = {"index", "index1", "is_first", "is_last"};

std::string_view ConstantString(const Expr& expr) {
  return expr.kind == Expr::Kind::kConstant && expr.value.is_string() ? expr.value.view() : std::string_view();
}

}  // namespace

uint32_t Compiler::Add(Op op, uint32_t offset, int change, uint32_t a, uint16_t b, uint8_t mode) {
  stack_ += change;
  program_->max_stack = std::max(program_->max_stack, stack_);
  program_->code.push_back({op, mode, b, a});
  program_->positions.push_back(offset);
  return static_cast<uint32_t>(program_->code.size()) - 1;
}

uint32_t Compiler::AddConstant(const Value& value) {
  for (size_t i = 0; i < program_->constants.size() && i < 64; ++i) {
    const Value& known = program_->constants[i];
    if (known.is_string() && value.is_string() && known.view() == value.view()) return static_cast<uint32_t>(i);
  }
  program_->constants.push_back(value);
  return static_cast<uint32_t>(program_->constants.size()) - 1;
}

int Compiler::FindParameter(std::string_view text, const std::string_view* parts, uint32_t count) const {
  for (size_t i = 0; i < options_.parameters.size(); ++i) {
    const std::string& name = options_.parameters[i].name;
    if (name == text) return static_cast<int>(i);
    // The same name written with other separators.
    std::string_view rest = name;
    bool same = true;
    for (uint32_t p = 0; p < count && same; ++p) {
      same = rest.starts_with(parts[p]);
      if (!same) break;
      rest.remove_prefix(parts[p].size());
      if (p + 1 < count) {
        same = rest.starts_with('.');
        if (same) rest.remove_prefix(1);
      }
    }
    if (same && rest.empty()) return static_cast<int>(i);
  }
  return -1;
}

uint32_t Compiler::AddPath(std::string_view text, const std::string_view* parts, uint32_t count, bool required) {
  Program::Path path;
  path.variable.text = text;
  path.first_part = static_cast<uint32_t>(program_->parts.size());
  path.part_count = count;
  program_->parts.insert(program_->parts.end(), parts, parts + count);
  bool data = false;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend() && path.slot < 0; ++scope) {
    if (scope->value == parts[0]) path.slot = scope->value_slot;
    if (scope->key == parts[0]) path.slot = scope->key_slot;
  }
  if (path.slot >= 0) {
    path.fallback = false;
  } else {
    for (const NamedSlot& slot : set_slots_) {
      if (slot.name == parts[0] && slot.certain) path.fallback = false;
    }
    if (path.fallback) {
      path.variable.parameter = FindParameter(text, parts, count);
      data = path.variable.parameter < 0;
    }
  }
  auto index = static_cast<uint32_t>(program_->paths.size());
  program_->paths.push_back(path);
  open_paths_.push_back({index, parts[0], required && data && conditional_ == 0, data});
  return index;
}

void Compiler::ResolvePaths() {
  // For good: paths point into it.
  program_->parts.shrink_to_fit();
  for (Program::Path& path : program_->paths) {
    path.variable.parts = {program_->parts.data() + path.first_part, path.part_count};
  }
  for (const OpenPath& open : open_paths_) {
    Program::Path& path = program_->paths[open.path];
    bool assigned = false;
    if (path.slot < 0) {
      for (const NamedSlot& slot : set_slots_) {
        if (slot.name != open.root) continue;
        path.slot = slot.slot;
        assigned = true;
      }
    }
    program_->reads_data = program_->reads_data || open.looks_into_data;
    if (!open.required || assigned) continue;
    std::string name(path.variable.text);
    if (std::find(program_->required.begin(), program_->required.end(), name) == program_->required.end()) {
      program_->required.push_back(std::move(name));
    }
  }
}

void Compiler::BindFallback(uint32_t index) {
  Program::Path& path = program_->paths[index];
  if (path.part_count != 1 || path.slot >= 0 || !path.fallback || path.variable.parameter >= 0) return;
  const std::string_view name = path.variable.text;
  const auto field = std::find(std::begin(kLoopFields), std::end(kLoopFields), name);
  if (field != std::end(kLoopFields)) {
    // Of the innermost loop over an array.
    for (size_t level = scopes_.size(); level-- > 0;) {
      if (!scopes_[level].key.empty()) continue;
      path.loop = static_cast<int>(level % kMaxLoops);
      path.field = static_cast<LoopField>(field - std::begin(kLoopFields));
      return;
    }
    return;
  }
  const FunctionInfo* function = FindFunction(name);
  if (function == nullptr || function->max_args != 0) return;
  path.function = static_cast<int>(function->id);
  open_paths_.back().required = false;
}

// Pops the value of `expr`.
void Compiler::EmitTop(const Expr& expr, Emit mode) {
  uint32_t name = 0;
  if (mode == Emit::kJsonValue) {
    std::string text = "the value";
    if (expr.kind == Expr::Kind::kVariable) text = "variable \"" + std::string(expr.text) + "\"";
    if (expr.kind == Expr::Kind::kCall) text = "the result of " + std::string(GetFunction(expr.fn).name) + "()";
    program_->texts.push_back(program_->arena.Copy(text));
    name = static_cast<uint32_t>(program_->texts.size());
  }
  Add(Op::kEmit, expr.offset, -1, name, 0, static_cast<uint8_t>(mode));
}

void Compiler::GenerateSubstitution(const Expr& expr) {
  const bool ternary = expr.kind == Expr::Kind::kTernary;
  const bool with_default = expr.kind == Expr::Kind::kCall && expr.fn == Fn::kDefault;
  // Each possible value is written by itself: text of the template's own need not be JSON.
  if (landing_ == Landing::kJson && !state_.in_string && (ternary || with_default)) {
    Generate(*expr.args[0], with_default);
    uint32_t branch = Add(ternary ? Op::kJumpIfFalse : Op::kJumpIfFound, expr.offset, -1);
    ++conditional_;
    GenerateSubstitution(*expr.args[1]);
    uint32_t to_end = Add(Op::kJump, expr.offset, 0);
    PatchToHere(branch);
    if (ternary) {
      GenerateSubstitution(*expr.args[2]);
    } else {
      ++stack_;
      EmitTop(*expr.args[0], EmitModeFor(*expr.args[0]));
    }
    --conditional_;
    PatchToHere(to_end);
    return;
  }
  Emit mode = EmitModeFor(expr);
  if (expr.kind == Expr::Kind::kVariable && !(expr.parts[0] == "loop" && !scopes_.empty())) {
    uint32_t path = AddPath(expr.text, expr.parts, expr.part_count, true);
    BindFallback(path);
    Add(Op::kEmitVariable, expr.offset, 0, path, 0, static_cast<uint8_t>(mode));
    return;
  }
  Generate(expr, false);
  EmitTop(expr, mode);
}

Emit Compiler::EmitModeFor(const Expr& expr) {
  bool path = landing_ == Landing::kPath && !state_.in_query;
  bool query = landing_ == Landing::kQuery || (landing_ == Landing::kPath && state_.in_query);
  if (expr.kind == Expr::Kind::kCall) {
    if (expr.fn == Fn::kRaw) return Emit::kRaw;
    // Escaped already for where it lands; twice would spoil it.
    if ((expr.fn == Fn::kUrlEncode || expr.fn == Fn::kQuery) && (path || query)) return Emit::kRaw;
    if (expr.fn == Fn::kEscapeJson && landing_ == Landing::kJson && state_.in_string) return Emit::kRaw;
    if (expr.fn == Fn::kHeader && path && ConstantString(*expr.args[0]) == ":path") return Emit::kRaw;
  }
  if (path) {
    const Expr* variable = &expr;
    if (expr.kind == Expr::Kind::kCall && expr.fn == Fn::kDefault) variable = expr.args[0];
    if (variable->kind == Expr::Kind::kVariable) {
      int parameter = FindParameter(variable->text, variable->parts, variable->part_count);
      bool other_constant = variable == &expr || expr.args[1]->kind == Expr::Kind::kConstant;
      if (parameter >= 0 && other_constant && options_.parameters[static_cast<size_t>(parameter)].path_encoded) {
        return Emit::kRaw;
      }
    }
    return Emit::kPath;
  }
  if (query) return Emit::kQuery;
  if (landing_ != Landing::kJson) return Emit::kRaw;
  const bool own_text = expr.kind == Expr::Kind::kConstant && expr.value.is_string();
  if (state_.unsure) {
    if (!own_text && !told_unsure_) {
      errors_->Add(expr.offset,
                   "whether this is inside quotes depends on a condition before it: let each branch close the quotes "
                   "that it opens, or write raw(...)");
    }
    told_unsure_ = told_unsure_ || !own_text;
    return Emit::kRaw;
  }
  if (state_.in_string) return Emit::kJsonString;
  const bool is_json = expr.kind == Expr::Kind::kCall && expr.fn == Fn::kJson;
  return own_text || is_json ? Emit::kRaw : Emit::kJsonValue;
}

void Compiler::Generate(const Expr& expr, bool maybe) {
  switch (expr.kind) {
    case Expr::Kind::kConstant:
      Add(Op::kConstant, expr.offset, 1, AddConstant(expr.value));
      break;
    case Expr::Kind::kVariable:
      GenerateVariable(expr, maybe);
      break;
    case Expr::Kind::kUnary:
      Generate(*expr.args[0], false);
      Add(expr.op, expr.offset, 0);
      break;
    case Expr::Kind::kBinary:
      Generate(*expr.args[0], false);
      Generate(*expr.args[1], false);
      Add(expr.op, expr.offset, -1);
      break;
    case Expr::Kind::kAnd:
    case Expr::Kind::kOr:
      GenerateLogic(expr);
      break;
    case Expr::Kind::kIndex:
      Generate(*expr.args[0], maybe);
      Generate(*expr.args[1], false);
      Add(maybe ? Op::kMaybeIndex : Op::kIndex, expr.offset, -1);
      break;
    case Expr::Kind::kCall:
      GenerateCall(expr, maybe);
      break;
    case Expr::Kind::kArray:
    case Expr::Kind::kObject: {
      for (uint32_t i = 0; i < expr.arg_count; ++i) Generate(*expr.args[i], false);
      bool array = expr.kind == Expr::Kind::kArray;
      Add(array ? Op::kArray : Op::kObject, expr.offset, 1 - static_cast<int>(expr.arg_count),
          array ? expr.arg_count : expr.arg_count / 2);
      break;
    }
    case Expr::Kind::kTernary:
      GenerateTernary(expr, maybe);
      break;
  }
}

void Compiler::GenerateVariable(const Expr& expr, bool maybe) {
  if (expr.parts[0] == "loop" && !scopes_.empty()) {
    GenerateLoopField(expr);
    return;
  }
  uint32_t path = AddPath(expr.text, expr.parts, expr.part_count, !maybe);
  BindFallback(path);
  Add(maybe ? Op::kMaybeVariable : Op::kVariable, expr.offset, 1, path);
}

void Compiler::GenerateLoopField(const Expr& expr) {
  size_t level = scopes_.size() - 1;
  uint32_t part = 1;
  while (part < expr.part_count && expr.parts[part] == "parent") {
    if (level == 0) {
      errors_->Add(expr.offset, "\"" + std::string(expr.text) + "\": the loop has no parent");
      return;
    }
    --level;
    ++part;
  }
  auto field = static_cast<uint16_t>(LoopField::kAll);
  if (part < expr.part_count) {
    auto known = std::find(std::begin(kLoopFields), std::end(kLoopFields), expr.parts[part]);
    if (known == std::end(kLoopFields) || part + 1 != expr.part_count) {
      errors_->Add(expr.offset, "\"" + std::string(expr.text) +
                                    "\" does not exist; a loop has index, index1, is_first, is_last and parent");
      return;
    }
    field = static_cast<uint16_t>(known - std::begin(kLoopFields));
  }
  Add(Op::kLoop, expr.offset, 1, 0, field, static_cast<uint8_t>(level % kMaxLoops));
}

void Compiler::GenerateCall(const Expr& expr, bool maybe) {
  switch (expr.fn) {
    case Fn::kDefault: {
      Generate(*expr.args[0], true);
      uint32_t found = Add(Op::kJumpIfFound, expr.offset, -1);
      ++conditional_;
      Generate(*expr.args[1], maybe);
      --conditional_;
      PatchToHere(found);
      return;
    }
    case Fn::kRaw:
      Generate(*expr.args[0], maybe);
      return;
    case Fn::kExists: {
      std::string_view name = ConstantString(*expr.args[0]);
      std::vector<std::string_view> parts;
      if (!name.empty() && SplitPath(name, &parts)) {
        Add(Op::kExists, expr.offset, 1, AddPath(name, parts.data(), static_cast<uint32_t>(parts.size()), false));
        return;
      }
      program_->reads_data = true;
      break;
    }
    case Fn::kContext:
    case Fn::kBody:
    case Fn::kCookies:
    case Fn::kExcept:
    case Fn::kOnly:
    case Fn::kQuery:
      program_->reads_data = true;
      break;
    case Fn::kRequestHeader:
      program_->reads_request_header = true;
      break;
    default:
      break;
  }
  bool element = expr.fn == Fn::kAt || expr.fn == Fn::kFirst || expr.fn == Fn::kLast;
  bool lookup = expr.fn == Fn::kHeader || expr.fn == Fn::kRequestHeader || expr.fn == Fn::kExtraction;
  for (uint32_t i = 0; i < expr.arg_count; ++i) {
    std::string_view name = ConstantString(*expr.args[i]);
    if (!name.empty() && (expr.fn == Fn::kHeader || expr.fn == Fn::kRequestHeader)) {
      std::string lower;
      for (char c : name) lower.push_back(ToLower(c));
      Add(Op::kConstant, expr.offset, 1, AddConstant(Value::String(program_->arena.Copy(lower))));
    } else {
      Generate(*expr.args[i], maybe && element && i == 0);
    }
  }
  Op op = maybe && (element || lookup) ? Op::kMaybeCall : Op::kCall;
  Add(op, expr.offset, 1 - static_cast<int>(expr.arg_count), static_cast<uint32_t>(expr.fn),
      static_cast<uint16_t>(expr.arg_count));
}

void Compiler::GenerateLogic(const Expr& expr) {
  bool is_and = expr.kind == Expr::Kind::kAnd;
  Generate(*expr.args[0], false);
  if (!is_and) Add(Op::kNot, expr.offset, 0);
  uint32_t decided = Add(Op::kJumpIfFalse, expr.offset, -1);
  ++conditional_;
  Generate(*expr.args[1], false);
  --conditional_;
  Add(Op::kTruthy, expr.offset, 0);
  uint32_t to_end = Add(Op::kJump, expr.offset, -1);
  PatchToHere(decided);
  Add(Op::kConstant, expr.offset, 1, AddConstant(Value::Bool(!is_and)));
  PatchToHere(to_end);
}

void Compiler::GenerateTernary(const Expr& expr, bool maybe) {
  Generate(*expr.args[0], false);
  uint32_t to_else = Add(Op::kJumpIfFalse, expr.offset, -1);
  ++conditional_;
  Generate(*expr.args[1], maybe);
  uint32_t to_end = Add(Op::kJump, expr.offset, -1);
  PatchToHere(to_else);
  Generate(*expr.args[2], maybe);
  --conditional_;
  PatchToHere(to_end);
}

}  // namespace gloo::tmpl
