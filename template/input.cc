#include "template/input.h"

#include <algorithm>
#include <string>
#include <vector>

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

constexpr size_t kMaxPairs = 1000;

std::string_view Decoded(std::string_view text, Arena* arena) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  char* to = arena->New<char>(text.size());
  return {to, UrlDecode(text, true, to)};
}

struct Pair {
  std::string_view name;
  std::string_view value;
};

// Of "a=1&b=2" or "a=1; b=2".
std::vector<Pair> PairsOf(std::string_view text, char separator, bool decode, Arena* arena) {
  std::vector<Pair> pairs;
  while (!text.empty() && pairs.size() < kMaxPairs) {
    std::string_view pair = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    while (!pair.empty() && IsSpace(pair.front())) pair.remove_prefix(1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    pairs.push_back(decode ? Pair{Decoded(name, arena), Decoded(value, arena)} : Pair{name, value});
  }
  return pairs;
}

// Repeated it is an array; `name[key]` is an object, `name[]` an array.
Value QueryValue(std::string_view name, const std::vector<Pair>& pairs, Arena* arena) {
  auto* items = arena->New<Value>(pairs.size());
  auto* members = arena->New<Member>(pairs.size());
  uint32_t count = 0;
  uint32_t parts = 0;
  bool is_array = false;
  for (const Pair& pair : pairs) {
    std::string_view rest = pair.name;
    if (!rest.starts_with(name)) continue;
    rest.remove_prefix(name.size());
    if (rest.empty() || rest == "[]") {
      is_array = is_array || !rest.empty() || count > 0;
      items[count++] = Value::String(pair.value);
    } else if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') {
      members[parts++] = {rest.substr(1, rest.size() - 2), Value::String(pair.value)};
    }
  }
  if (is_array) return Value::Array(items, count);
  if (count == 1) return items[0];
  return parts > 0 ? MakeObject(arena, members, parts) : Value::Missing();
}

}  // namespace

Value InputOf(const Schema& schema, const Value& fields, const HeaderSource& headers, Arena* arena) {
  if (!fields.is_object() || schema.places().empty()) return fields;
  auto* members = arena->New<Member>(fields.size + schema.places().size());
  std::copy_n(fields.members, fields.size, members);
  uint32_t size = fields.size;
  std::vector<Pair> query;
  std::vector<Pair> cookies;
  bool split = false;
  for (const Schema::Place& place : schema.places()) {
    if (place.in == Schema::Place::In::kPath || FindMember(fields, place.name) != nullptr) continue;
    if (!split) {
      std::string_view path = headers.Get(":path").value_or("");
      path = path.substr(0, path.find('#'));
      const size_t question = path.find('?');
      if (question != std::string_view::npos) query = PairsOf(path.substr(question + 1), '&', true, arena);
      cookies = PairsOf(headers.Get("cookie").value_or(""), ';', false, arena);
      split = true;
    }
    Value value = Value::Missing();
    if (place.in == Schema::Place::In::kQuery) {
      value = QueryValue(place.name, query, arena);
    } else if (place.in == Schema::Place::In::kHeader) {
      std::string lower;
      for (const char c : place.name) lower += ToLower(c);
      if (const auto header = headers.Get(lower)) value = Value::String(*header);
    } else {
      const auto found =
          std::find_if(cookies.begin(), cookies.end(), [&](const Pair& pair) { return pair.name == place.name; });
      if (found != cookies.end()) value = Value::String(found->value);
    }
    if (!value.missing()) members[size++] = {place.name, value};
  }
  return MakeObject(arena, members, size);
}

}  // namespace gloo::tmpl
