// The functions that make the parts of a request of named fields: only, except, form, query, cookies.
#include "template/request_functions.h"

#include <algorithm>

#include "template/codec.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

using Kind = RenderError::Kind;

// Writes `name=value&...` as forms and queries have it.
class FormWriter {
 public:
  FormWriter(Run* run, std::string* out) : run_(run), out_(out) {}

  // An array repeats the name; below it, and in objects, names are `name[key]`. Null is left out.
  bool Write(const std::string& name, const Value& value) {
    if (value.is_array()) {
      for (uint32_t i = 0; i < value.size; ++i) {
        const Value& item = value.items[i];
        const bool plain = !item.is_array() && !item.is_object();
        if (!Write(plain ? name : name + "[" + std::to_string(i) + "]", item)) return false;
      }
      return true;
    }
    if (value.is_object()) {
      for (uint32_t i = 0; i < value.size; ++i) {
        if (!Write(name + "[" + std::string(value.members[i].key) + "]", value.members[i].value)) return false;
      }
      return true;
    }
    if (value.missing() || value.type == Type::kNull) return true;
    std::string text;
    AppendText(value, run_->limits->output_bytes, &text);
    Begin();
    AppendUrlEncoded(name, out_);
    out_->push_back('=');
    AppendUrlEncoded(text, out_);
    return Spend(name.size() + text.size());
  }

  // The elements of an array in one value.
  bool WriteJoined(const std::string& name, const Value& list, char separator) {
    Begin();
    AppendUrlEncoded(name, out_);
    out_->push_back('=');
    for (uint32_t i = 0; i < list.size; ++i) {
      if (i > 0) out_->append(separator == ' ' ? std::string_view("%20") : std::string_view(&separator, 1));
      std::string text;
      AppendText(list.items[i], run_->limits->output_bytes, &text);
      AppendUrlEncoded(text, out_);
      if (!Spend(text.size())) return false;
    }
    return Spend(name.size());
  }

  // As it stands in a URL already.
  bool WriteRaw(std::string_view pair) {
    Begin();
    out_->append(pair);
    return Spend(pair.size());
  }

 private:
  void Begin() {
    if (!out_->empty()) out_->push_back('&');
  }
  bool Spend(size_t bytes) {
    if (out_->size() > run_->limits->output_bytes) return run_->FailLimit("output", run_->limits->output_bytes);
    return run_->budget->Spend(1 + bytes / 16) || run_->FailLimit("work", run_->limits->work);
  }

  Run* run_;
  std::string* out_;
};

bool FieldNames(std::span<const Value> args, Run* run) {
  for (const Value& name : args) {
    if (!name.is_string()) {
      return run->Fail(Kind::kValue, std::string("needs names of fields as strings, got ") + TypeName(name));
    }
  }
  return true;
}

bool IsNamed(std::span<const Value> names, std::string_view key) {
  return std::any_of(names.begin(), names.end(), [&](const Value& name) { return name.view() == key; });
}

// All fields; what is no object has none.
bool Fields(Run* run, Value* root) {
  if (!run->context->Root(run->arena, root)) return run->FailData();
  if (!root->is_object()) *root = MakeObject(run->arena, nullptr, 0);
  return true;
}

// The fields that are named, or (`named` false) those that are not.
bool Choose(std::span<const Value> names, bool named, Run* run, Value* result) {
  Value root;
  if (!Fields(run, &root)) return false;
  if (!run->Reserve(root.size * sizeof(Member) + ObjectBytes(root.size))) return false;
  if (!run->budget->Spend(root.size * (names.size() + 1) / 4)) return run->FailLimit("work", run->limits->work);
  auto* members = run->arena->New<Member>(root.size);
  uint32_t count = 0;
  for (uint32_t i = 0; i < root.size; ++i) {
    if (IsNamed(names, root.members[i].key) == named) members[count++] = root.members[i];
  }
  *result = MakeObject(run->arena, members, count);
  return true;
}

// Calls `visit(pair, name)` for the pairs of a text such as `a=1&b=2`, until it returns false.
template <typename Visit>
bool ForPairs(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    std::string_view pair = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    while (!pair.empty() && IsSpace(pair.front())) pair.remove_prefix(1);
    if (!pair.empty() && !visit(pair, pair.substr(0, pair.find('=')))) return false;
  }
  return true;
}

// What a name of query() says.
struct QueryName {
  // As it stands in the query.
  std::string_view name;
  // Between the elements of an array; 0: each has a pair of its own.
  char separator = 0;
  const Value* field = nullptr;
};

// A field of the very name counts first. `ids[]` is how some services write an array `ids`; behind `ids,`, `ids|` and
// `ids ` stands what separates its elements.
QueryName NameOf(const Value& root, std::string_view written) {
  QueryName out{written, 0, FindMember(root, written)};
  if (out.field != nullptr || written.size() < 2) return out;
  if (written.ends_with("[]")) {
    out.field = FindMember(root, written.substr(0, written.size() - 2));
  } else if (std::string_view(",| ").find(written.back()) != std::string_view::npos) {
    out = {written.substr(0, written.size() - 1), written.back(), nullptr};
    out.field = FindMember(root, out.name);
  }
  return out;
}

// "?a=1&b=2", or nothing. What is no field is taken from the request's own query, as it stands there.
bool Query(std::span<const Value> names, Run* run, Value* result) {
  Value root;
  if (!Fields(run, &root)) return false;
  std::string_view own = run->context->Header(":path").value_or("");
  own = own.substr(0, own.find('#'));
  const size_t question = own.find('?');
  own.remove_prefix(question == std::string_view::npos ? own.size() : question + 1);
  std::string out;
  FormWriter writer(run, &out);
  for (const Value& written_name : names) {
    const QueryName name = NameOf(root, written_name.view());
    if (name.field != nullptr) {
      const bool joined = name.separator != 0 && name.field->is_array();
      const std::string key(name.name);
      if (!(joined ? writer.WriteJoined(key, *name.field, name.separator) : writer.Write(key, *name.field)))
        return false;
      continue;
    }
    const std::string_view text = name.name;
    const bool written = ForPairs(own, '&', [&](std::string_view pair, std::string_view key) {
      std::string decoded;
      AppendUrlDecoded(key, true, &decoded);
      if (!run->budget->Spend(1 + pair.size() / 16)) return run->FailLimit("work", run->limits->work);
      // Parts of an object too: `filter[a]`.
      const bool is_part = decoded.size() > text.size() && decoded[text.size()] == '[' && decoded.starts_with(text);
      return (decoded != text && !is_part) || writer.WriteRaw(pair);
    });
    if (!written) return false;
  }
  if (!out.empty()) out.insert(out.begin(), '?');
  *result = Value::String(run->arena->Copy(out));
  return true;
}

// The request's cookies, those that are fields set anew.
bool Cookies(std::span<const Value> names, Run* run, Value* result) {
  Value root;
  if (!Fields(run, &root)) return false;
  std::string out;
  const auto add = [&](std::string_view pair) {
    if (!out.empty()) out += "; ";
    out += pair;
    return run->budget->Spend(1 + pair.size() / 16) || run->FailLimit("work", run->limits->work);
  };
  const std::string_view own = run->context->Header("cookie").value_or("");
  const bool kept = ForPairs(own, ';', [&](std::string_view pair, std::string_view key) {
    const bool set = IsNamed(names, key) && FindMember(root, key) != nullptr;
    return set || add(pair);
  });
  if (!kept) return false;
  for (const Value& name : names) {
    const Value* field = FindMember(root, name.view());
    if (field == nullptr || field->type == Type::kNull) continue;
    std::string text;
    AppendText(*field, run->limits->output_bytes, &text);
    std::string pair(name.view());
    pair += "=";
    AppendUrlEncoded(text, &pair);
    if (!add(pair)) return false;
  }
  *result = Value::String(run->arena->Copy(out));
  return true;
}

bool Form(const Value& fields, Run* run, Value* result) {
  if (!fields.is_object()) {
    return run->Fail(Kind::kValue, std::string("form() needs an object, got ") + TypeName(fields));
  }
  std::string out;
  FormWriter writer(run, &out);
  for (uint32_t i = 0; i < fields.size; ++i) {
    if (!writer.Write(std::string(fields.members[i].key), fields.members[i].value)) return false;
  }
  *result = Value::String(run->arena->Copy(out));
  return true;
}

}  // namespace

bool CallRequestFunction(Fn id, std::span<const Value> args, Run* run, Value* result) {
  if (id == Fn::kForm) return Form(args[0], run, result);
  if (!FieldNames(args, run)) return false;
  if (id == Fn::kQuery) return Query(args, run, result);
  if (id == Fn::kCookies) return Cookies(args, run, result);
  return Choose(args, id == Fn::kOnly, run, result);
}

}  // namespace gloo::tmpl
