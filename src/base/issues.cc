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

std::string ToString(const Issue& issue) {
  std::string out;
  if (!issue.location.file.empty()) {
    StrAppend(&out, issue.location.file, ":");
    if (issue.location.line > 0) StrAppend(&out, issue.location.line, ":", issue.location.column, ":");
    out += ' ';
  }
  StrAppend(&out, issue.severity == Severity::kError ? "error: " : "warning: ");
  if (!issue.path.empty()) StrAppend(&out, issue.path, ": ");
  StrAppend(&out, issue.message, " (", issue.reason, ")");
  return out;
}

}  // namespace gloo
