// Content hashes: XXH3, 128 bits. Not for secrets, not for signatures.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace gloo {

// 32 hexadecimal digits.
std::string ContentHash(std::string_view bytes);

// A hash of several fields; unlike a hash of their concatenation it tells {"ab","c"} from {"a","bc"}.
std::string ContentHash(std::initializer_list<std::string_view> fields);

}  // namespace gloo
