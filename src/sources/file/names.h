// Which names in a watched folder count.
#pragma once

#include <string>
#include <string_view>

namespace gloo::sources::file {

// Hidden names (also `..data` of Kubernetes' mounts, which is only ever looked through), and what editors leave
// beside a file: `x~`, `#x#`, `x.swp`, `x.swo`, `x.swx`.
bool IsIgnored(std::string_view name);

// `.yaml`, `.yml`, `.json`.
bool IsConfigName(std::string_view name);

// "a" and "b" give "a/b"; an empty folder gives the name alone.
std::string JoinPath(std::string_view folder, std::string_view name);

// The folder of a path, empty for a name alone.
std::string_view ParentOf(std::string_view path);
std::string_view NameOf(std::string_view path);

}  // namespace gloo::sources::file
