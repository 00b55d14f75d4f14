#include "base/issues.h"

#include <utility>

#include "base/strings.h"

namespace gloo {
namespace {

std::string Quoted(std::string_view key) {
  std::string out = "[\"";
  for (char c : key) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"]";
}

}  // namespace

Issues::Path::Path(Issues& issues, std::string_view field) : issues_(issues), old_size_(issues.path_.size()) {
  issues_.path_ = issues_.Join(field);
}

Issues::Path::Path(Issues& issues, std::string_view field, size_t index)
    : issues_(issues), old_size_(issues.path_.size()) {
  issues_.path_ = StrCat(issues_.Join(field), "[", index, "]");
}

Issues::Path::Path(Issues& issues, std::string_view field, std::string_view map_key)
    : issues_(issues), old_size_(issues.path_.size()) {
  issues_.path_ = issues_.Join(field) + Quoted(map_key);
}

Issues::Path::~Path() { issues_.path_.resize(old_size_); }

std::string Issues::Join(std::string_view field) const {
  if (path_.empty() || field.empty()) return StrCat(path_, field);
  return StrCat(path_, field.front() == '[' ? "" : ".", field);
}

void Issues::Error(std::string_view field, std::string_view reason, std::string message) {
  Add({Severity::kError, std::string(reason), Join(field), std::move(message), {}});
}

void Issues::Warning(std::string_view field, std::string_view reason, std::string message) {
  Add({Severity::kWarning, std::string(reason), Join(field), std::move(message), {}});
}

void Issues::Add(Issue issue) {
  if (issue.severity == Severity::kError) ++errors_;
  if (items_.size() >= kMaxIssues) {
    ++dropped_;
    return;
  }
  items_.push_back(std::move(issue));
}

void Issues::Merge(const Issues& other) {
  for (const Issue& issue : other.items_) Add(issue);
  dropped_ += other.dropped_;
}

namespace {

std::string Place(const Location& location) {
  if (location.file.empty()) return "";
  std::string out = StrCat(location.file, ":");
  if (location.line > 0) StrAppend(&out, location.line, ":", location.column, ":");
  return out + ' ';
}

std::string What(const Issue& issue) {
  return StrCat(issue.path, issue.path.empty() ? "" : ": ", issue.message, " (", issue.reason, ")");
}

}  // namespace

std::string ToString(const Issue& issue) {
  return StrCat(Place(issue.location), issue.severity == Severity::kError ? "error: " : "warning: ", What(issue));
}

std::string Describe(const Issue& issue) { return StrCat(Place(issue.location), What(issue)); }

}  // namespace gloo
