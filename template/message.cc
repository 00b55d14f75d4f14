#include "template/message.h"

#include <algorithm>
#include <vector>

#include "template/codec.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

std::string_view MediaType(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && IsSpace(content_type.front())) content_type.remove_prefix(1);
  while (!content_type.empty() && IsSpace(content_type.back())) content_type.remove_suffix(1);
  return content_type;
}

// How a variable's path lies to a parameter's name.
enum class Relation { kApart, kAbove, kBelow };
Relation Compare(const VariablePath& path, std::string_view name) {
  for (std::string_view part : path.parts) {
    if (name.empty()) return Relation::kBelow;
    std::string_view step = name.substr(0, name.find('.'));
    if (step != part) return Relation::kApart;
    name.remove_prefix(std::min(name.size(), step.size() + 1));
  }
  return Relation::kAbove;
}

}  // namespace

bool IsJsonType(std::string_view content_type) {
  std::string_view type = MediaType(content_type);
  return EqualsIgnoreCase(type, "application/json") || EqualsIgnoreCase(type, "text/json") ||
         (type.size() > 5 && EqualsIgnoreCase(type.substr(type.size() - 5), "+json"));
}

BodyFormat FormatOf(std::string_view content_type) {
  if (MediaType(content_type).empty() || IsJsonType(content_type)) return BodyFormat::kJson;
  if (EqualsIgnoreCase(MediaType(content_type), "application/x-www-form-urlencoded")) return BodyFormat::kForm;
  return BodyFormat::kOther;
}

const Value* MessageContext::Parameters() const {
  if (parameter_values_ == nullptr) {
    parameter_values_ = arena_->New<Value>(parameters_.size());
    Extract(extractors_, headers_, arena_, parameter_values_);
  }
  return parameter_values_;
}

bool MessageContext::Data() {
  if (data_state_ != State::kUnread) return data_state_ == State::kRead;
  data_state_ = State::kRead;
  data_ = MakeObject(arena_, nullptr, 0);
  if (body_.empty()) return true;
  std::string_view encoding = headers_.Get("content-encoding").value_or("");
  if (!encoding.empty() && !EqualsIgnoreCase(encoding, "identity")) return true;
  switch (FormatOf(headers_.Get("content-type").value_or(""))) {
    case BodyFormat::kOther:
      return true;
    case BodyFormat::kForm:
      data_ = ReadForm();
      return true;
    case BodyFormat::kJson:
      break;
  }
  JsonError error;
  if (ReadJson(body_, arena_, &data_, &error)) return true;
  data_state_ = State::kFailed;
  error_ = "body is not JSON: " + std::string(error.message) + " at byte " + std::to_string(error.offset);
  return false;
}

// A name that stands once is a string, one that is repeated an array.
Value MessageContext::ReadForm() {
  struct Field {
    std::string_view name;
    std::string_view value;
  };
  std::vector<Field> fields;
  std::string decoded;
  std::string_view rest = body_;
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    decoded.clear();
    AppendUrlDecoded(pair.substr(0, equals), true, &decoded);
    std::string_view name = arena_->Copy(decoded);
    decoded.clear();
    if (equals != std::string_view::npos) AppendUrlDecoded(pair.substr(equals + 1), true, &decoded);
    fields.push_back({name, arena_->Copy(decoded)});
  }
  std::stable_sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.name < b.name; });
  std::vector<Member> members;
  for (size_t i = 0; i < fields.size();) {
    size_t end = i + 1;
    while (end < fields.size() && fields[end].name == fields[i].name) ++end;
    Value value = Value::String(fields[i].value);
    if (end - i > 1) {
      Value* items = arena_->New<Value>(end - i);
      for (size_t j = i; j < end; ++j) items[j - i] = Value::String(fields[j].value);
      value = Value::Array(items, static_cast<uint32_t>(end - i));
    }
    members.push_back({fields[i].name, value});
    i = end;
  }
  return MakeObject(arena_, members.data(), static_cast<uint32_t>(members.size()));
}

bool MessageContext::Find(const VariablePath& path, Arena* arena, Value* value) {
  *value = Value::Missing();
  if (path.parameter >= 0) {
    *value = Parameters()[path.parameter];
    return true;
  }
  bool above = false;
  for (const Parameter& parameter : parameters_) {
    if (parameter.implied) continue;
    Relation relation = Compare(path, parameter.name);
    if (relation == Relation::kBelow) return true;
    above = above || relation == Relation::kAbove;
  }
  const Value* at = &root_;
  if (above) {
    Value root;
    if (!Root(arena, &root)) return false;
  } else {
    if (!Data()) return false;
    at = &data_;
  }
  for (std::string_view part : path.parts) {
    at = FindStep(*at, part);
    if (at == nullptr) return true;
  }
  *value = *at;
  return true;
}

bool MessageContext::Root(Arena*, Value* value) {
  if (!merged_) {
    if (!Data()) return false;
    root_ = data_;
    const Value* values = Parameters();
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!values[i].missing() && !parameters_[i].implied) root_ = WithParameter(root_, parameters_[i].name, values[i]);
    }
    merged_ = true;
  }
  *value = root_;
  return true;
}

// `base` with the value put in under the dotted name; what is no object on the way becomes one.
Value MessageContext::WithParameter(const Value& base, std::string_view name, const Value& value) {
  size_t dot = name.find('.');
  std::string_view key = name.substr(0, dot);
  const Value* old = base.is_object() ? FindMember(base, key) : nullptr;
  Value inner = value;
  if (dot != std::string_view::npos) {
    inner = WithParameter(old == nullptr ? Value::Null() : *old, name.substr(dot + 1), value);
  }
  std::vector<Member> members;
  if (base.is_object()) members.assign(base.members, base.members + base.size);
  members.push_back({key, inner});
  return MakeObject(arena_, members.data(), static_cast<uint32_t>(members.size()));
}

std::string MessageContext::MissingReason(const VariablePath& path) const {
  if (path.parameter >= 0 || body_.empty()) return "";
  std::string_view encoding = headers_.Get("content-encoding").value_or("");
  if (!encoding.empty() && !EqualsIgnoreCase(encoding, "identity")) {
    return "the fields of a body with content-encoding \"" + std::string(encoding.substr(0, 60)) + "\" are not read";
  }
  std::string_view type = headers_.Get("content-type").value_or("");
  if (FormatOf(type) != BodyFormat::kOther) return "";
  return "a body of type \"" + std::string(MediaType(type).substr(0, 60)) + "\" has no fields";
}

std::optional<std::string_view> MessageContext::Extraction(std::string_view name) const {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].name != name) continue;
    const Value& value = Parameters()[i];
    if (value.missing()) return std::nullopt;
    return value.view();
  }
  return std::nullopt;
}

}  // namespace gloo::tmpl
