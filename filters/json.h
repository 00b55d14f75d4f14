// A strict reader of the small JSON configurations of this module (not of bodies: those belong to the template engine).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gloo::filters {

// One JSON value. Numbers are not needed by any configuration here and are refused.
struct Json {
  enum class Kind { kNull, kBool, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string string;
  std::vector<Json> array;
  struct Member;
  std::vector<Member> object;  // in the order of the text; keys are unique

  // Null when this is no object or has no such key.
  const Json* Find(std::string_view key) const;
};

struct Json::Member {
  std::string key;
  Json value;
};

// Reads a whole document. On failure returns false and `error` says what is wrong and at which byte.
bool ParseJson(std::string_view text, Json* value, std::string* error);

}  // namespace gloo::filters
