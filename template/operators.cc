// Arithmetic, `in` and indexing; what a run says when it fails.
#include <cmath>

#include "template/functions.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

using Kind = RenderError::Kind;

}  // namespace

bool Run::Fail(RenderError::Kind kind, std::string message) {
  error->kind = kind;
  error->message = std::move(message);
  return false;
}

bool Run::FailLimit(std::string_view what, uint64_t limit) {
  return Fail(Kind::kLimit, "the template takes too much " + std::string(what) + ": more than " +
                                std::to_string(limit) + (what == "work" ? " steps" : " bytes"));
}

bool Run::FailData() { return Fail(context->too_large() ? Kind::kLimit : Kind::kData, context->error()); }

bool Run::Reserve(uint64_t bytes) {
  const size_t used = arena->used() - memory_start;
  if (used <= limits->memory_bytes && bytes <= limits->memory_bytes - used) return true;
  return FailLimit("memory", limits->memory_bytes);
}

bool Index(const Value& container, const Value& key, Run* run, Value* result) {
  *result = Value::Missing();
  if (key.is_string()) {
    const Value* found = FindStep(container, key.view());
    if (found != nullptr) *result = *found;
    return true;
  }
  if (!key.is_number()) {
    return run->Fail(Kind::kValue, std::string("an index must be a string or a number, got ") + TypeName(key));
  }
  Numeric number = ToNumeric(key);
  if (!number.is_int) return run->Fail(Kind::kValue, "an index must be a whole number");
  if (container.is_array() && number.integer >= 0 && number.integer < container.size) {
    *result = container.items[number.integer];
  }
  return true;
}

bool Contains(const Value& needle, const Value& haystack, Run* run, Value* result) {
  bool found = false;
  if (haystack.is_array() || haystack.is_object()) {
    for (uint32_t i = 0; i < haystack.size && !found; ++i) {
      found = Equal(needle, haystack.is_array() ? haystack.items[i] : haystack.members[i].value, run->budget);
    }
  } else if (haystack.is_string() && needle.is_string()) {
    run->budget->Spend((haystack.size + needle.size) / 16);
    found = haystack.view().find(needle.view()) != std::string_view::npos;
  } else {
    return run->Fail(Kind::kValue, std::string("\"in\" needs an array, an object or two strings, got ") +
                                       TypeName(needle) + " and " + TypeName(haystack));
  }
  *result = Value::Bool(found);
  return true;
}

bool Arithmetic(char op, const Value& a, const Value& b, Run* run, Value* result) {
  if (op == '+' && (a.is_string() || b.is_string())) {
    std::string text;
    for (const Value* value : {&a, &b}) {
      if (!value->is_string() && !value->is_number() && value->type != Type::kBool) {
        return run->Fail(Kind::kValue, std::string("\"+\" cannot join ") + TypeName(a) + " and " + TypeName(b));
      }
      AppendText(*value, run->limits->output_bytes, &text);
    }
    run->budget->Spend(text.size() / 16);
    *result = Value::String(run->arena->Copy(text));
    return true;
  }
  if (!a.is_number() || !b.is_number()) {
    return run->Fail(Kind::kValue,
                     std::string("\"") + op + "\" needs two numbers, got " + TypeName(a) + " and " + TypeName(b));
  }
  Numeric x = ToNumeric(a);
  Numeric y = ToNumeric(b);
  bool integers = x.is_int && y.is_int;
  // Whole numbers stay whole while they fit into 64 bits. JSON has no infinity, and what is no number has no order.
  int64_t whole = 0;
  auto give = [&](double real) {
    if (!std::isfinite(real)) {
      return run->Fail(Kind::kValue, std::string("\"") + op + "\" gives no number, or one that is too large");
    }
    *result = Value::Double(real);
    return true;
  };
  switch (op) {
    case '+':
      if (!integers || __builtin_add_overflow(x.integer, y.integer, &whole)) return give(x.real + y.real);
      break;
    case '-':
      if (!integers || __builtin_sub_overflow(x.integer, y.integer, &whole)) return give(x.real - y.real);
      break;
    case '*':
      if (!integers || __builtin_mul_overflow(x.integer, y.integer, &whole)) return give(x.real * y.real);
      break;
    case '/':
      if (y.real == 0) return run->Fail(Kind::kValue, "division by zero");
      return give(x.real / y.real);
    case '^': {
      bool fits = integers && y.integer >= 0;
      if (fits) {
        whole = 1;
        int64_t base = x.integer;
        for (int64_t n = y.integer; n > 0 && fits; n >>= 1) {
          if (n & 1) fits = !__builtin_mul_overflow(whole, base, &whole);
          if (n > 1 && fits) fits = !__builtin_mul_overflow(base, base, &base);
        }
      }
      if (!fits) return give(std::pow(x.real, y.real));
      break;
    }
    default:
      if (!integers) return run->Fail(Kind::kValue, "\"%\" needs two whole numbers");
      if (y.integer == 0) return run->Fail(Kind::kValue, "division by zero");
      whole = y.integer == -1 ? 0 : x.integer % y.integer;
  }
  *result = Value::Int(whole);
  return true;
}

}  // namespace gloo::tmpl
