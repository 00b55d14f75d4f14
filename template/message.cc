#include "template/message.h"

#include <algorithm>

#include "template/codec.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view MediaType(std::string_view content_type) {
  return Trim(content_type.substr(0, content_type.find(';')));
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

bool IsIdentityEncoding(std::string_view content_encoding) {
  while (!content_encoding.empty()) {
    const std::string_view coding = content_encoding.substr(0, content_encoding.find(','));
    content_encoding.remove_prefix(std::min(content_encoding.size(), coding.size() + 1));
    const std::string_view name = Trim(coding);
    if (!name.empty() && !EqualsIgnoreCase(name, "identity")) return false;
  }
  return true;
}

BodyFormat FormatOf(std::string_view content_type) {
  if (MediaType(content_type).empty() || IsJsonType(content_type)) return BodyFormat::kJson;
  if (EqualsIgnoreCase(MediaType(content_type), "application/x-www-form-urlencoded")) return BodyFormat::kForm;
  return BodyFormat::kOther;
}

const Value* MessageContext::Parameters() {
  if (parameter_values_ == nullptr) {
    parameter_values_ = arena_->New<Value>(parameters_.size());
    Extract(extractors_, headers_, arena_, parameter_values_);
    ExtractFromBody();
  }
  return parameter_values_;
}

void MessageContext::ExtractFromBody() {
  for (const CompiledExtractor& extractor : extractors_) {
    if (extractor.from == Extractor::From::kBody) {
      const bool legible = IsIdentityEncoding(headers_.Get("content-encoding").value_or(""));
      ExtractFrom(extractor, legible ? Value::String(body_) : Value::Missing(), parameter_values_);
    } else if (extractor.from == Extractor::From::kPointer) {
      const Value* at = Data() ? &data_ : nullptr;
      for (const std::string& step : extractor.more->steps) {
        if (at != nullptr) at = FindStep(*at, step);
      }
      ExtractFrom(extractor, at == nullptr ? Value::Missing() : *at, parameter_values_);
    }
  }
}

bool MessageContext::TooLarge() {
  too_large_ = true;
  error_ = "the fields of the body take too much memory: more than " + std::to_string(memory_) + " bytes";
  return false;
}

bool MessageContext::Reserve(size_t bytes) {
  if (bytes > memory_ - memory_used_) return TooLarge();
  memory_used_ += bytes;
  return true;
}

bool MessageContext::Data() {
  if (data_state_ != State::kUnread) return data_state_ == State::kRead;
  data_state_ = State::kRead;
  data_ = MakeObject(arena_, nullptr, 0);
  if (body_.empty()) return true;
  if (!IsIdentityEncoding(headers_.Get("content-encoding").value_or(""))) return true;
  const BodyFormat format = FormatOf(headers_.Get("content-type").value_or(""));
  if (format == BodyFormat::kOther) return true;
  const size_t before = arena_->used();
  const bool good = format == BodyFormat::kForm ? ReadForm() : ReadJsonBody();
  // What the client sent is bounded by itself; a template's limits are for what it makes.
  arena_->Discount(arena_->used() - before);
  if (!good) data_state_ = State::kFailed;
  return good;
}

bool MessageContext::ReadJsonBody() {
  JsonError error;
  const size_t before = arena_->used();
  if (ReadJson(body_, arena_, &data_, &error, memory_)) {
    memory_used_ = std::min(memory_, arena_->used() - before);
    return true;
  }
  if (error.too_large) return TooLarge();
  error_ = "body is not JSON: " + std::string(error.message) + " at byte " + std::to_string(error.offset);
  return false;
}

// A name that stands once is a string, one that is repeated an array.
bool MessageContext::ReadForm() {
  struct Field {
    std::string_view name;
    Value value;
  };
  const size_t most = static_cast<size_t>(std::count(body_.begin(), body_.end(), '&')) + 1;
  if (most > memory_ / sizeof(Field) || !Reserve(body_.size() + most * sizeof(Field))) return TooLarge();
  auto* fields = arena_->New<Field>(most);
  // Decoded text is never longer than what it was.
  char* to = arena_->New<char>(body_.size());
  auto decode = [&](std::string_view text) {
    const size_t size = UrlDecode(text, true, to);
    const std::string_view decoded(to, size);
    to += size;
    return decoded;
  };
  size_t count = 0;
  std::string_view rest = body_;
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    fields[count].name = decode(pair.substr(0, equals));
    fields[count].value = Value::String(decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1)));
    ++count;
  }
  // Of one name in the order of the body, which is that of their addresses.
  std::sort(fields, fields + count, [](const Field& a, const Field& b) {
    const int order = a.name.compare(b.name);
    return order < 0 || (order == 0 && a.name.data() < b.name.data());
  });
  const auto members_most = static_cast<uint32_t>(count);
  if (!Reserve(count * (sizeof(Member) + sizeof(Value)) + ObjectBytes(members_most))) return false;
  auto* members = arena_->New<Member>(count);
  uint32_t size = 0;
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && fields[end].name == fields[i].name) ++end;
    Value value = fields[i].value;
    if (end - i > 1) {
      Value* items = arena_->New<Value>(end - i);
      for (size_t j = i; j < end; ++j) items[j - i] = fields[j].value;
      value = Value::Array(items, static_cast<uint32_t>(end - i));
    }
    members[size++] = {fields[i].name, value};
    i = end;
  }
  data_ = MakeObject(arena_, members, size);
  return true;
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
  if (merged_state_ == State::kUnread) {
    const bool read = Data();
    const size_t before = arena_->used();
    merged_state_ = read && Merge() ? State::kRead : State::kFailed;
    arena_->Discount(arena_->used() - before);
  }
  *value = root_;
  return merged_state_ == State::kRead;
}

bool MessageContext::Merge() {
  const Value* values = Parameters();
  auto* additions = arena_->New<Addition>(parameters_.size());
  size_t count = 0;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (values[i].missing() || parameters_[i].implied) continue;
    additions[count++] = {parameters_[i].name, values[i], false};
  }
  root_ = data_;
  return count == 0 || Add(data_, {additions, count}, &root_);
}

// `result` becomes `base` with the additions over it; what is no object on the way becomes one. Each object is copied
// once, however many parameters go into it.
bool MessageContext::Add(const Value& base, std::span<Addition> additions, Value* result) {
  const uint32_t old_size = base.is_object() ? base.size : 0;
  const auto most = old_size + static_cast<uint32_t>(additions.size());
  if (!Reserve(most * sizeof(Member) + ObjectBytes(most) + additions.size() * sizeof(Addition))) return false;
  auto* members = arena_->New<Member>(most);
  if (old_size > 0) std::copy_n(base.members, old_size, members);
  auto* inner = arena_->New<Addition>(additions.size());
  uint32_t size = old_size;
  for (size_t i = 0; i < additions.size(); ++i) {
    if (additions[i].done) continue;
    const std::string_view key = additions[i].name.substr(0, additions[i].name.find('.'));
    Member& member = members[size++];
    member = {key, additions[i].value};
    if (key.size() == additions[i].name.size()) continue;
    size_t count = 0;
    for (size_t j = i; j < additions.size(); ++j) {
      std::string_view name = additions[j].name;
      if (!name.starts_with(key) || name.size() == key.size() || name[key.size()] != '.') continue;
      additions[j].done = true;
      inner[count++] = {name.substr(key.size() + 1), additions[j].value, false};
    }
    const Value* old = base.is_object() ? FindMember(base, key) : nullptr;
    if (!Add(old == nullptr ? Value::Null() : *old, {inner, count}, &member.value)) return false;
  }
  *result = MakeObject(arena_, members, size);
  return true;
}

std::string MessageContext::MissingReason(const VariablePath& path) const {
  if (path.parameter >= 0 || body_.empty()) return "";
  std::string_view encoding = headers_.Get("content-encoding").value_or("");
  if (!IsIdentityEncoding(encoding)) {
    return "the fields of a body with content-encoding \"" + std::string(encoding.substr(0, 60)) + "\" are not read";
  }
  std::string_view type = headers_.Get("content-type").value_or("");
  if (FormatOf(type) != BodyFormat::kOther) return "";
  return "a body of type \"" + std::string(MediaType(type).substr(0, 60)) + "\" has no fields";
}

std::optional<std::string_view> MessageContext::Extraction(std::string_view name) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].name != name) continue;
    const Value& value = Parameters()[i];
    // Of a body an extractor may take more than a text.
    if (!value.is_string() && value.type != Type::kNumber) return std::nullopt;
    return value.view();
  }
  return std::nullopt;
}

}  // namespace gloo::tmpl
