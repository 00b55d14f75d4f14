// Runs a program.
#include <algorithm>

#include "template/codec.h"
#include "template/functions.h"
#include "template/json.h"
#include "template/program.h"

namespace gloo::tmpl {
namespace {

using Kind = RenderError::Kind;

struct LoopFrame {
  Value sequence;
  const uint32_t* order;  // of an object's members, by key
  uint32_t index;
};

class Machine {
 public:
  Machine(const Program& program, Context* context, Arena* arena, Budget* budget, std::string* out, RenderError* error)
      : program_(program),
        run_{context, arena, &program.limits(), budget, error, arena->used()},
        out_(out),
        output_start_(out->size()),
        output_paid_(out->size()) {
    slots_ = arena->New<Value>(program.slots.size());
    std::fill_n(slots_, program.slots.size(), Value::Missing());
  }

  bool Run() {
    while (pc_ < program_.code.size()) {
      uint32_t at = pc_++;
      if (Step(program_.code[at]) && WithinLimits()) continue;
      Locate(program_.source, program_.positions[at], &run_.error->line, &run_.error->column);
      return false;
    }
    return true;
  }

 private:
  bool WithinLimits() {
    const Limits& limits = program_.limits();
    size_t written = out_->size() - output_paid_;
    output_paid_ = out_->size();
    if (!run_.budget->Spend(1 + written / 64)) return run_.FailLimit("work", limits.work);
    if (out_->size() - output_start_ > limits.output_bytes) return run_.FailLimit("output", limits.output_bytes);
    return run_.Reserve(0);
  }

  size_t OutputLimit() const { return output_start_ + program_.limits().output_bytes; }

  // A variable that is missing and has no default.
  bool Missing(const VariablePath& path, Value* value) {
    if (run_.context->missing_is_null()) {
      *value = Value::Null();
      return true;
    }
    std::string message = "variable \"" + std::string(path.text) + "\" is missing";
    std::string reason = run_.context->MissingReason(path);
    if (!reason.empty()) message += ": " + reason;
    return run_.Fail(Kind::kMissing, std::move(message));
  }

  bool Find(const Program::Path& path, Value* value) {
    if (path.slot >= 0) {
      const Value* at = &slots_[path.slot];
      for (size_t i = 1; i < path.part_count && at != nullptr; ++i) at = FindStep(*at, path.variable.parts[i]);
      if (at != nullptr && !at->missing()) {
        *value = *at;
        return true;
      }
      if (!path.fallback) {
        *value = Value::Missing();
        return true;
      }
    }
    if (!run_.context->Find(path.variable, run_.arena, value)) return run_.FailData();
    if (!value->missing()) return true;
    if (path.loop >= 0) *value = LoopValue(path.loop, path.field);
    return path.function < 0 || CallFunction(static_cast<Fn>(path.function), {}, true, &run_, value);
  }

  bool NotJson(std::string_view what) {
    return run_.Fail(Kind::kValue, std::string(what) + " stands outside quotes, so its text must be JSON");
  }

  // Text of the message outside quotes could add fields of its own.
  bool IsOneJson(const Value& text) {
    run_.budget->Spend(text.size / 64);
    return IsJson(text.view());
  }

  bool Append(const Value& value, Emit mode) {
    if (mode == Emit::kRaw) return AppendText(value, OutputLimit(), out_) || WithinLimits();
    if (mode == Emit::kJsonValue) return AppendJson(value, OutputLimit(), out_) || WithinLimits();
    std::string buffer;
    std::string_view text;
    if (value.is_string() || value.type == Type::kNumber) {
      text = value.view();
    } else {
      if (!AppendText(value, program_.limits().output_bytes, &buffer)) {
        return run_.FailLimit("output", program_.limits().output_bytes);
      }
      text = buffer;
    }
    switch (mode) {
      case Emit::kJsonString:
        AppendJsonEscaped(text, out_);
        break;
      case Emit::kPath:
        AppendPathEncoded(text, out_);
        break;
      default:
        AppendUrlEncoded(text, out_);
    }
    return true;
  }

  void Push(const Value& value) { stack_[top_++] = value; }
  Value& Top() { return stack_[top_ - 1]; }
  const Value& Pop() { return stack_[--top_]; }

  bool Step(const Instruction& in);
  bool Operator(Op op);
  bool CallStep(const Instruction& in);
  bool ExistsByName(const Value& name, Value* result);
  Value LoopValue(int level, LoopField field);
  bool ForBegin(const Instruction& in);
  bool ForNext(const Instruction& in);
  void Bind(const Program::Loop& loop, const LoopFrame& frame);
  bool MakeObjectStep(uint32_t count);
  bool Assign(const Program::Assignment& assignment, const Value& value);
  bool SetMember(const Value& base, const std::string_view* keys, size_t count, const Value& value, Value* result);
  bool CheckDepth(const Value& value) {
    if (value.depth <= kMaxJsonDepth) return true;
    return run_.Fail(Kind::kLimit, "a value is nested deeper than " + std::to_string(kMaxJsonDepth));
  }

  const Program& program_;
  struct Run run_;
  std::string* out_;
  size_t output_start_;
  size_t output_paid_;  // what the budget was charged for
  Value* slots_;
  uint32_t pc_ = 0;
  int top_ = 0;
  uint32_t iterations_ = 0;
  Value stack_[kMaxStack];
  LoopFrame loops_[kMaxLoops];
};

bool Machine::Step(const Instruction& in) {
  switch (in.op) {
    case Op::kText:
      out_->append(program_.texts[in.a]);
      return true;
    case Op::kEmit: {
      const Value& value = Pop();
      auto mode = static_cast<Emit>(in.mode);
      if (mode == Emit::kJsonValue && value.is_string()) {
        if (!IsOneJson(value)) return NotJson(program_.texts[in.a - 1]);
        mode = Emit::kRaw;
      }
      return Append(value, mode);
    }
    case Op::kEmitVariable: {
      Value value;
      if (!Find(program_.paths[in.a], &value)) return false;
      if (value.missing() && !Missing(program_.paths[in.a].variable, &value)) return false;
      auto mode = static_cast<Emit>(in.mode);
      if (mode == Emit::kJsonValue && value.is_string()) {
        if (!IsOneJson(value)) {
          return NotJson("variable \"" + std::string(program_.paths[in.a].variable.text) + "\"");
        }
        mode = Emit::kRaw;
      }
      return Append(value, mode);
    }
    case Op::kConstant:
      Push(program_.constants[in.a]);
      return true;
    case Op::kVariable:
    case Op::kMaybeVariable: {
      Value value;
      if (!Find(program_.paths[in.a], &value)) return false;
      if (value.missing() && in.op == Op::kVariable && !Missing(program_.paths[in.a].variable, &value)) return false;
      Push(value);
      return true;
    }
    case Op::kExists: {
      Value value;
      if (!Find(program_.paths[in.a], &value)) return false;
      Push(Value::Bool(!value.missing()));
      return true;
    }
    case Op::kLoop:
      Push(LoopValue(in.mode, static_cast<LoopField>(in.b)));
      return true;
    case Op::kIndex:
    case Op::kMaybeIndex: {
      Value key = Pop();
      Value container = Pop();
      Value element;
      if (!Index(container, key, &run_, &element)) return false;
      if (element.missing() && in.op == Op::kIndex && run_.context->missing_is_null()) element = Value::Null();
      if (element.missing() && in.op == Op::kIndex) {
        std::string text;
        AppendText(key, 100, &text);
        return run_.Fail(Kind::kMissing, std::string(TypeName(container)) + " has no element \"" + text + "\"");
      }
      Push(element);
      return true;
    }
    case Op::kJump:
      pc_ = in.a;
      return true;
    case Op::kJumpIfFalse:
      if (!Truthy(Pop())) pc_ = in.a;
      return true;
    case Op::kJumpIfFound:
      if (Top().missing() || Top().type == Type::kNull) {
        Pop();
      } else {
        pc_ = in.a;
      }
      return true;
    case Op::kCall:
    case Op::kMaybeCall:
      return CallStep(in);
    case Op::kArray: {
      Value* items = run_.arena->New<Value>(in.a);
      top_ -= static_cast<int>(in.a);
      std::copy_n(stack_ + top_, in.a, items);
      Push(Value::Array(items, in.a));
      return CheckDepth(Top());
    }
    case Op::kObject:
      return MakeObjectStep(in.a);
    case Op::kForBegin:
      return ForBegin(in);
    case Op::kForNext:
      return ForNext(in);
    case Op::kSet:
      return Assign(program_.sets[in.a], Pop());
    default:
      return Operator(in.op);
  }
}

bool Machine::Operator(Op op) {
  if (op == Op::kNot || op == Op::kTruthy) {
    Top() = Value::Bool(Truthy(Top()) == (op == Op::kTruthy));
    return true;
  }
  if (op == Op::kNegate) {
    if (!Top().is_number()) {
      return run_.Fail(Kind::kValue, std::string("\"-\" needs a number, got ") + TypeName(Top()));
    }
    return Arithmetic('-', Value::Int(0), Value(Top()), &run_, &Top());
  }
  Value b = Pop();
  Value a = Top();
  switch (op) {
    case Op::kEqual:
      Top() = Value::Bool(Equal(a, b, run_.budget));
      return true;
    case Op::kNotEqual:
      Top() = Value::Bool(!Equal(a, b, run_.budget));
      return true;
    case Op::kLess:
      Top() = Value::Bool(Less(a, b, run_.budget));
      return true;
    case Op::kLessEqual:
      Top() = Value::Bool(!Less(b, a, run_.budget));
      return true;
    case Op::kGreater:
      Top() = Value::Bool(Less(b, a, run_.budget));
      return true;
    case Op::kGreaterEqual:
      Top() = Value::Bool(!Less(a, b, run_.budget));
      return true;
    case Op::kIn:
      return Contains(a, b, &run_, &Top());
    case Op::kAdd:
      return Arithmetic('+', a, b, &run_, &Top());
    case Op::kSubtract:
      return Arithmetic('-', a, b, &run_, &Top());
    case Op::kMultiply:
      return Arithmetic('*', a, b, &run_, &Top());
    case Op::kDivide:
      return Arithmetic('/', a, b, &run_, &Top());
    case Op::kPower:
      return Arithmetic('^', a, b, &run_, &Top());
    default:
      return Arithmetic('%', a, b, &run_, &Top());
  }
}

bool Machine::CallStep(const Instruction& in) {
  top_ -= in.b;
  auto fn = static_cast<Fn>(in.a);
  Value result;
  if (fn == Fn::kExists) {
    if (!ExistsByName(stack_[top_], &result)) return false;
  } else if (!CallFunction(fn, {stack_ + top_, in.b}, in.op == Op::kMaybeCall, &run_, &result)) {
    return false;
  }
  Push(result);
  return true;
}

// exists() of a computed name.
bool Machine::ExistsByName(const Value& name, Value* result) {
  if (!name.is_string()) {
    return run_.Fail(Kind::kValue, std::string("exists() needs a string, got ") + TypeName(name));
  }
  std::vector<std::string_view> parts;
  bool found = false;
  if (SplitPath(name.view(), &parts)) {
    run_.budget->Spend(parts.size() + name.size / 16);
    Program::Path path;
    path.variable = {name.view(), parts, -1};
    path.part_count = static_cast<uint32_t>(parts.size());
    // From the last: of loop variables with one name the innermost.
    for (size_t i = program_.slots.size(); i-- > 0;) {
      if (program_.slots[i] == parts[0] && !slots_[i].missing()) {
        path.slot = static_cast<int>(i);
        break;
      }
    }
    Value value;
    if (!Find(path, &value)) return false;
    found = !value.missing();
  }
  *result = Value::Bool(found);
  return true;
}

Value Machine::LoopValue(int level, LoopField field) {
  const LoopFrame& frame = loops_[level];
  Value index = Value::Int(frame.index);
  Value index1 = Value::Int(int64_t{frame.index} + 1);
  Value first = Value::Bool(frame.index == 0);
  Value last = Value::Bool(frame.index + 1 == frame.sequence.size);
  switch (field) {
    case LoopField::kIndex:
      return index;
    case LoopField::kIndex1:
      return index1;
    case LoopField::kIsFirst:
      return first;
    case LoopField::kIsLast:
      return last;
    case LoopField::kAll:
      break;
  }
  Member members[] = {{"index", index}, {"index1", index1}, {"is_first", first}, {"is_last", last}};
  return MakeObject(run_.arena, members, 4);
}

void Machine::Bind(const Program::Loop& loop, const LoopFrame& frame) {
  if (loop.key_slot >= 0) {
    const Member& member = frame.sequence.members[frame.order[frame.index]];
    slots_[loop.key_slot] = Value::String(member.key);
    slots_[loop.value_slot] = member.value;
  } else {
    slots_[loop.value_slot] = frame.sequence.items[frame.index];
  }
}

bool Machine::ForBegin(const Instruction& in) {
  const Program::Loop& loop = program_.loops[in.b];
  LoopFrame& frame = loops_[in.mode];
  frame.sequence = Pop();
  frame.index = 0;
  frame.order = nullptr;
  uint32_t size = frame.sequence.size;
  std::string_view name = program_.slots[loop.value_slot];
  if (loop.key_slot < 0) {
    if (!frame.sequence.is_array()) {
      std::string message = "\"for " + std::string(name) + "\" needs an array, got " + TypeName(frame.sequence);
      if (frame.sequence.is_object()) message += "; \"for key, value in\" goes over an object";
      return run_.Fail(Kind::kValue, std::move(message));
    }
  } else {
    if (!frame.sequence.is_object()) {
      return run_.Fail(Kind::kValue, "\"for " + std::string(program_.slots[loop.key_slot]) + ", " + std::string(name) +
                                         "\" needs an object, got " + TypeName(frame.sequence));
    }
    uint64_t log = 1;
    while ((size >> log) != 0) ++log;
    if (!run_.budget->Spend(size * log)) return run_.FailLimit("work", program_.limits().work);
    if (!run_.Reserve(size * sizeof(uint32_t))) return false;
    auto* order = run_.arena->New<uint32_t>(size);
    for (uint32_t i = 0; i < size; ++i) order[i] = i;
    const Member* members = frame.sequence.members;
    std::sort(order, order + size, [&](uint32_t a, uint32_t b) { return members[a].key < members[b].key; });
    frame.order = order;
  }
  if (size == 0) {
    pc_ = in.a;
    return true;
  }
  Bind(loop, frame);
  return true;
}

bool Machine::ForNext(const Instruction& in) {
  const Program::Loop& loop = program_.loops[in.b];
  LoopFrame& frame = loops_[in.mode];
  if (++iterations_ > program_.limits().iterations) {
    return run_.Fail(Kind::kLimit, "the loops of the template run more than " +
                                       std::to_string(program_.limits().iterations) + " times");
  }
  if (++frame.index < frame.sequence.size) {
    Bind(loop, frame);
    pc_ = in.a;
    return true;
  }
  if (loop.key_slot >= 0) slots_[loop.key_slot] = Value::Missing();
  slots_[loop.value_slot] = Value::Missing();
  return true;
}

bool Machine::MakeObjectStep(uint32_t count) {
  top_ -= static_cast<int>(count) * 2;
  Member members[kMaxStack / 2];
  for (uint32_t i = 0; i < count; ++i) {
    members[i] = {stack_[top_ + static_cast<int>(i) * 2].view(), stack_[top_ + static_cast<int>(i) * 2 + 1]};
  }
  Push(MakeObject(run_.arena, members, count));
  return CheckDepth(Top());
}

// `result` becomes `base` with keys[0].keys[1]... set; what is no object on the way becomes one.
bool Machine::SetMember(const Value& base, const std::string_view* keys, size_t count, const Value& value,
                        Value* result) {
  if (count == 0) {
    *result = value;
    return true;
  }
  uint32_t size = base.is_object() ? base.size : 0;
  run_.budget->Spend(size);
  if (!run_.Reserve((size + 1) * sizeof(Member) + ObjectBytes(size + 1))) return false;
  const Value* old = base.is_object() ? FindMember(base, keys[0]) : nullptr;
  auto* members = run_.arena->New<Member>(size + 1);
  std::copy_n(base.is_object() ? base.members : nullptr, size, members);
  members[size].key = keys[0];
  if (!SetMember(old == nullptr ? Value::Null() : *old, keys + 1, count - 1, value, &members[size].value)) return false;
  *result = MakeObject(run_.arena, members, size + 1);
  return true;
}

bool Machine::Assign(const Program::Assignment& assignment, const Value& value) {
  const Program::Path& path = program_.paths[assignment.path];
  Value& slot = slots_[assignment.slot];
  return SetMember(slot, path.variable.parts.data() + 1, path.part_count - 1, value, &slot) && CheckDepth(slot);
}

}  // namespace

bool RunProgram(const Program& program, Context* context, Arena* arena, Budget* budget, std::string* out,
                RenderError* error) {
  return Machine(program, context, arena, budget, out, error).Run();
}

}  // namespace gloo::tmpl
