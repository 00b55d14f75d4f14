// What is wrong with an object: collected all at once, each with the path of its field.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gloo {

enum class Severity { kWarning, kError };

// Where something stands in a file; line and column count from 1, 0 means unknown.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;

  bool operator==(const Location&) const = default;
};

struct Issue {
  Severity severity = Severity::kError;
  // CamelCase; part of the API: never renamed.
  std::string reason;
  // Path from the object's root in lowerCamelCase, for instance `spec.routes[3].requestMatcher.pathPrefix`
  // or `spec.functions[0].spec.headers["x-a"]`. Shown as the user typed it (model::Locate).
  std::string path;
  // Short, lower case, says what is wrong and what would be right.
  std::string message;
  Location location;

  bool operator==(const Issue&) const = default;
};

// Collects issues below a current path. Not thread safe. At most kMaxIssues are kept; the rest are counted.
class Issues {
 public:
  static constexpr size_t kMaxIssues = 100;

  // Adds one level to the path while it lives: `IssuePath p(issues, "routes", 3);` gives `routes[3]`.
  class [[nodiscard]] Path {
   public:
    Path(Issues& issues, std::string_view field);
    Path(Issues& issues, std::string_view field, size_t index);
    Path(Issues& issues, std::string_view field, std::string_view map_key);
    ~Path();
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;

   private:
    Issues& issues_;
    size_t old_size_;
  };

  Issues() = default;
  // Starts below `root`, for instance "spec".
  explicit Issues(std::string root) : path_(std::move(root)) {}

  // `field` may be empty: then the issue is about the current path itself.
  void Error(std::string_view field, std::string_view reason, std::string message);
  void Warning(std::string_view field, std::string_view reason, std::string message);
  void Add(Issue issue);
  void Merge(const Issues& other);

  const std::string& path() const { return path_; }
  const std::vector<Issue>& items() const { return items_; }
  // Issues beyond kMaxIssues.
  size_t dropped() const { return dropped_; }
  size_t errors() const { return errors_; }
  bool ok() const { return errors_ == 0; }
  bool empty() const { return items_.empty(); }

 private:
  friend class Path;
  std::string Join(std::string_view field) const;

  std::string path_;
  std::vector<Issue> items_;
  size_t dropped_ = 0;
  size_t errors_ = 0;
};

using IssuePath = Issues::Path;

// "Error: spec.routes[0].verbs: ..." with "file:line:column: " before it where known.
std::string ToString(const Issue& issue);
// The same without the severity, for a log whose lines have a level of their own.
std::string Describe(const Issue& issue);

}  // namespace gloo
