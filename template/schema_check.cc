// Checks values against compiled schemas.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "template/json.h"
#include "template/schema.h"
#include "template/schema_types.h"

namespace gloo::tmpl {
namespace {

// A long text or number of the client is not repeated whole.
constexpr size_t kMostShown = 60;
constexpr size_t kMostTold = 500;

uint8_t BitOf(const Value& value) {
  switch (value.type) {
    case Type::kNull:
      return kNullBit;
    case Type::kBool:
      return kBooleanBit;
    case Type::kObject:
      return kObjectBit;
    case Type::kArray:
      return kArrayBit;
    case Type::kString:
      return kStringBit;
    default:
      break;
  }
  const Numeric number = ToNumeric(value);
  const bool whole = number.is_int || (std::isfinite(number.real) && number.real == std::floor(number.real));
  return whole ? kNumberBit | kIntegerBit : kNumberBit;
}

std::string TypeList(uint8_t types) {
  std::string out;
  for (size_t i = 0; i < std::size(kSchemaTypes); ++i) {
    if ((types & (1u << i)) == 0) continue;
    if (!out.empty()) out += " or ";
    out += kSchemaTypes[i] == "null" ? "" : kSchemaTypes[i].find_first_of("aeiou") == 0 ? "an " : "a ";
    out += kSchemaTypes[i];
  }
  return out;
}

size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string NumberText(double number) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  return {buffer, end};
}

}  // namespace

class SchemaChecker {
 public:
  SchemaChecker(const Schema& schema, Budget* budget, std::string* mistake)
      : schema_(schema), budget_(budget), mistake_(mistake) {}

  // False: `mistake` says what, or the budget is used up.
  bool Check(int index, const Value& value, int depth) {
    const Schema::Node& node = schema_.nodes_[static_cast<size_t>(index)];
    // What refers to itself without going down ends here.
    if (depth > kMaxDepth || !budget_->Spend(4)) return Exhaust();
    if (node.never) return Fail("is not allowed");
    if (node.reference >= 0 && !Check(node.reference, value, depth + 1)) return false;
    Value read = value;
    if (!ReadAs(node, &read)) return true;
    return CheckType(node, read) && CheckChoices(node, read) && CheckNumber(node, read) && CheckText(node, read) &&
           CheckArray(node, read, depth) && CheckObject(node, read, depth) && CheckParts(node, value, depth);
  }

  bool exhausted() const { return exhausted_; }

 private:
  static constexpr int kMaxDepth = 400;

  bool Exhaust() {
    exhausted_ = true;
    return false;
  }
  bool Fail(std::string what) {
    *mistake_ = (path_.empty() ? "the input" : path_) + ": " + std::move(what);
    return false;
  }

  // A text that stands for another type. False: it cannot be told, such as how a text is parted into an array.
  static bool ReadAs(const Schema::Node& node, Value* value) {
    if (!node.text_may_stand || !value->is_string() || node.types == 0 || (node.types & kStringBit) != 0) return true;
    if ((node.types & (kArrayBit | kObjectBit)) != 0) return false;
    const std::string_view text = value->view();
    bool integral = false;
    if ((node.types & (kNumberBit | kIntegerBit)) != 0 && !text.empty() &&
        JsonNumberLength(text, &integral) == text.size()) {
      *value = Value::Number(text, integral);
    } else if ((node.types & kBooleanBit) != 0 && (text == "true" || text == "false")) {
      *value = Value::Bool(text == "true");
    }
    return true;
  }

  // A text from outside is compared as it stands, too.
  static bool StandsFor(const Schema::Node& node, const Value& value, const Value& choice) {
    if (!node.text_may_stand || !value.is_string() || choice.is_string()) return false;
    std::string text;
    AppendText(choice, value.size + 1, &text);
    return text == value.view();
  }

  bool CheckType(const Schema::Node& node, const Value& value) {
    if (node.types == 0 || (node.types & BitOf(value)) != 0) return true;
    return Fail("must be " + TypeList(node.types) + ", got " + TypeName(value));
  }

  bool CheckChoices(const Schema::Node& node, const Value& value) {
    if (!node.has_choices) return true;
    std::string known;
    for (const Value& choice : node.choices) {
      if (Equal(choice, value, budget_) || StandsFor(node, value, choice)) return budget_->left > 0 || Exhaust();
      if (known.size() < kMostShown * 2) {
        if (!known.empty()) known += ", ";
        AppendJson(choice, known.size() + kMostShown, &known);
      }
    }
    if (budget_->left == 0) return Exhaust();
    return Fail(node.choices.size() == 1 ? "must be " + known : "must be one of " + known);
  }

  bool CheckNumber(const Schema::Node& node, const Value& value) {
    if (!value.is_number()) return true;
    const double number = ToNumeric(value).real;
    if (node.minimum && number < *node.minimum) return Fail("must be at least " + NumberText(*node.minimum));
    if (node.maximum && number > *node.maximum) return Fail("must be at most " + NumberText(*node.maximum));
    if (node.exclusive_minimum && number <= *node.exclusive_minimum) {
      return Fail("must be more than " + NumberText(*node.exclusive_minimum));
    }
    if (node.exclusive_maximum && number >= *node.exclusive_maximum) {
      return Fail("must be less than " + NumberText(*node.exclusive_maximum));
    }
    if (!node.multiple_of) return true;
    const double times = number / *node.multiple_of;
    if (std::fabs(times - std::round(times)) <= 1e-9 * std::max(1.0, std::fabs(times))) return true;
    return Fail("must be a multiple of " + NumberText(*node.multiple_of));
  }

  bool Between(size_t size, const std::optional<size_t>& least, const std::optional<size_t>& most, const char* what) {
    if (least && size < *least) return Fail("must have at least " + std::to_string(*least) + " " + what);
    if (most && size > *most) return Fail("must have at most " + std::to_string(*most) + " " + what);
    return true;
  }

  bool CheckText(const Schema::Node& node, const Value& value) {
    if (!value.is_string()) return true;
    if (node.min_length || node.max_length) {
      if (!budget_->Spend(value.size / 16)) return Exhaust();
      if (!Between(Characters(value.view()), node.min_length, node.max_length, "characters")) return false;
    }
    if (node.pattern == nullptr) return true;
    if (!budget_->Spend(1 + value.size / 2)) return Exhaust();
    if (node.pattern->Find(value.view(), {})) return true;
    constexpr size_t kShownPattern = 64;
    std::string shown(node.pattern->text().substr(0, kShownPattern));
    if (shown.size() < node.pattern->text().size()) shown += "...";
    return Fail("must match " + shown);
  }

  bool CheckArray(const Schema::Node& node, const Value& value, int depth) {
    if (!value.is_array()) return true;
    if (!Between(value.size, node.min_items, node.max_items, "elements")) return false;
    for (uint32_t i = 0; node.items >= 0 && i < value.size; ++i) {
      if (!Below(std::to_string(i), node.items, value.items[i], depth)) return false;
    }
    for (uint32_t i = 0; node.unique && i < value.size; ++i) {
      for (uint32_t j = 0; j < i; ++j) {
        if (!budget_->Spend(1)) return Exhaust();
        if (Equal(value.items[i], value.items[j], budget_)) {
          if (budget_->left == 0) return Exhaust();
          return Fail("has an element twice: " + std::to_string(j) + " and " + std::to_string(i));
        }
      }
    }
    return true;
  }

  bool CheckObject(const Schema::Node& node, const Value& value, int depth) {
    if (!value.is_object()) return true;
    if (!budget_->Spend(node.required.size() + node.properties.size())) return Exhaust();
    for (const std::string& name : node.required) {
      if (FindMember(value, name) == nullptr) {
        *mistake_ = path_ + "/" + PointerStep(name) + ": is missing";
        return false;
      }
    }
    if (!Between(value.size, node.min_properties, node.max_properties, "properties")) return false;
    for (const auto& [name, index] : node.properties) {
      const Value* property = FindMember(value, name);
      if (property != nullptr && !Below(PointerStep(name), index, *property, depth)) return false;
    }
    if (node.additional < 0) return true;
    if (!budget_->Spend(uint64_t{value.size} * (node.properties.size() + 1) / 8)) return Exhaust();
    for (uint32_t i = 0; i < value.size; ++i) {
      const Member& member = value.members[i];
      const bool named = std::any_of(node.properties.begin(), node.properties.end(),
                                     [&](const auto& property) { return property.first == member.key; });
      if (named) continue;
      std::string step;
      AppendJsonEscaped(PointerStep(member.key.substr(0, kMostShown)), &step);
      if (!Below(step, node.additional, member.value, depth)) return false;
    }
    return true;
  }

  bool Below(const std::string& step, int index, const Value& value, int depth) {
    const size_t size = path_.size();
    path_ += "/" + step;
    const bool fits = Check(index, value, depth + 1);
    path_.resize(size);
    return fits;
  }

  bool CheckParts(const Schema::Node& node, const Value& value, int depth) {
    for (const int part : node.all_of) {
      if (!Check(part, value, depth + 1)) return false;
    }
    return OneOf(node.any_of, false, value, depth) && OneOf(node.one_of, true, value, depth);
  }

  bool OneOf(const std::vector<int>& parts, bool exactly, const Value& value, int depth) {
    if (parts.empty()) return true;
    int fitting = 0;
    std::string first;
    for (const int part : parts) {
      if (Check(part, value, depth + 1)) {
        if (++fitting > 1 || !exactly) break;
      } else if (exhausted_) {
        return false;
      } else if (first.empty()) {
        first = *mistake_;
      }
    }
    if (fitting == 1) return true;
    if (fitting > 1) return Fail("fits more than one of " + std::to_string(parts.size()) + " forms");
    return parts.size() == 1 ? (*mistake_ = first, false)
                             : Fail("fits none of " + std::to_string(parts.size()) + " forms; the first: " + first);
  }

  const Schema& schema_;
  Budget* budget_;
  std::string* mistake_;
  std::string path_;
  bool exhausted_ = false;
};

Schema::Result Schema::Check(const Value& value, Budget* budget, std::string* mistake) const {
  SchemaChecker checker(*this, budget, mistake);
  if (checker.Check(0, value, 0)) return Result::kFits;
  // Of forms within forms.
  size_t end = std::min<size_t>(mistake->size(), kMostTold);
  while (end < mistake->size() && end > 0 && ((*mistake)[end] & 0xc0) == 0x80) --end;
  mistake->resize(end);
  return checker.exhausted() ? Result::kTooMuchWork : Result::kFails;
}

}  // namespace gloo::tmpl
