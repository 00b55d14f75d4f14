#include "openapi/documents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/parse.h"

namespace gloo::openapi {
namespace {

constexpr std::string_view kReference = "$ref";

// `/` and `~` of a key, as JSON pointers write them.
std::string Escape(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A step of the fragment of a reference.
std::string Unescape(std::string_view step) {
  std::string out;
  for (size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '%' && i + 2 < step.size() && Digit(step[i + 1]) >= 0 && Digit(step[i + 2]) >= 0) {
      out += static_cast<char>(Digit(step[i + 1]) * 16 + Digit(step[i + 2]));
      i += 2;
    } else {
      out += step[i];
    }
  }
  std::string plain;
  for (size_t i = 0; i < out.size(); ++i) {
    const bool escaped = out[i] == '~' && i + 1 < out.size() && (out[i + 1] == '0' || out[i + 1] == '1');
    plain += !escaped ? out[i] : out[i + 1] == '0' ? '~' : '/';
    if (escaped) ++i;
  }
  return plain;
}

At Step(const At& at, const std::string& step) {
  if (at.IsMap()) return at.Child(step);
  if (!at.IsList() || step.empty() || step.size() > 9 || step.find_first_not_of("0123456789") != std::string::npos) {
    return {};
  }
  const size_t index = std::stoul(step);
  return index < at.node->items.size() ? at.Item(index) : At();
}

// "a/./b/../c" gives "a/c".
std::string Normalize(std::string_view path) {
  std::vector<std::string_view> parts;
  const bool rooted = path.starts_with('/');
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part.empty() || part == ".") continue;
    if (part != ".." || parts.empty() || parts.back() == "..") {
      if (part != ".." || !rooted) parts.push_back(part);
    } else {
      parts.pop_back();
    }
  }
  std::string out = rooted ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) StrAppend(&out, i == 0 ? "" : "/", parts[i]);
  return out;
}

}  // namespace

At At::Child(std::string_view key) const {
  if (!IsMap()) return {};
  const model::Node* found = node->Find(key);
  return found == nullptr ? At() : At{file, found, StrCat(pointer, "/", Escape(key))};
}

At At::Child(const model::Entry& entry) const { return {file, entry.value, StrCat(pointer, "/", Escape(entry.key))}; }

At At::Item(size_t index) const { return {file, node->items[index], StrCat(pointer, "/", index)}; }

bool At::True(std::string_view key) const {
  const At child = Child(key);
  return child && child.node->plain && child.Text() == "true";
}

bool IsUrl(std::string_view location) { return location.starts_with("http://") || location.starts_with("https://"); }

std::string RelativeLocation(std::string_view base, std::string_view reference) {
  base = base.substr(0, base.find_first_of("?#"));
  if (!IsUrl(base)) {
    if (reference.find("://") != std::string_view::npos) return "";
    if (reference.starts_with('/')) return Normalize(reference);
    const size_t slash = base.rfind('/');
    return Normalize(StrCat(slash == std::string_view::npos ? "" : base.substr(0, slash + 1), reference));
  }
  const size_t path = std::min(base.find('/', base.find("://") + 3), base.size());
  const std::string_view host = base.substr(0, path);
  if (reference.find("://") != std::string_view::npos) {
    const bool same = reference.starts_with(host) && (reference.size() == path || reference[path] == '/');
    return same ? std::string(reference) : "";
  }
  if (reference.starts_with("//")) return "";
  if (reference.starts_with('/')) return StrCat(host, Normalize(reference));
  const std::string_view folder = base.substr(path, base.rfind('/') < path ? 0 : base.rfind('/') - path + 1);
  return StrCat(host, Normalize(StrCat(folder.empty() ? "/" : folder, reference)));
}

void Documents::Add(Severity severity, const At& at, std::string_view reason, std::string message) {
  Issue issue{severity, std::string(reason), at.file == nullptr ? "" : StrCat("#", at.pointer), std::move(message), {}};
  if (at.file != nullptr) {
    issue.location = {at.file->location, at.node == nullptr ? 0 : at.node->line,
                      at.node == nullptr ? 0 : at.node->column};
  }
  issues_.Add(std::move(issue));
}

void Documents::Error(const At& at, std::string_view reason, std::string message) {
  Add(Severity::kError, at, reason, std::move(message));
}

void Documents::Warning(const At& at, std::string_view reason, std::string message) {
  Add(Severity::kWarning, at, reason, std::move(message));
}

At Documents::Open(const std::string& location) { return OpenFrom(location, {}); }

At Documents::OpenFrom(const std::string& location, const At& from) {
  const auto [it, is_new] = files_.try_emplace(location);
  if (!is_new) {
    return it->second == nullptr ? At() : At{it->second.get(), it->second->tree.documents[0].root, ""};
  }
  if (files_.size() > kMaxFiles) {
    Error(from, "TooLarge", StrCat("the document has more than ", kMaxFiles, " files"));
    return {};
  }
  absl::StatusOr<std::string> text = loader_(location);
  if (!text.ok()) {
    Error(from, "CannotRead", std::string(text.status().message()));
    return {};
  }
  bytes_ += text->size();
  if (text->size() > kMaxFileBytes || bytes_ > kMaxTotalBytes) {
    Error(from, "TooLarge",
          StrCat(location, " is too large: a file may have ", kMaxFileBytes >> 20, " MiB, all together ",
                 kMaxTotalBytes >> 20));
    return {};
  }
  auto file = std::make_unique<File>();
  file->location = location;
  file->text = *std::move(text);
  model::ParseText(file->text, location, {}, &file->tree);
  const auto tell = [&](Severity severity, const model::Problem& problem) {
    issues_.Add({severity, problem.reason, problem.path, problem.message, {location, problem.line, problem.column}});
  };
  if (file->tree.failure) {
    tell(Severity::kError, *file->tree.failure);
    return {};
  }
  if (file->tree.documents.size() != 1) {
    issues_.Add({Severity::kError,
                 "NoDocument",
                 "",
                 file->tree.documents.empty() ? "the file is empty" : "the file must hold one document",
                 {location}});
    return {};
  }
  // A key that stands twice: the first counts, as everywhere here.
  for (const model::Problem& problem : file->tree.documents[0].problems) tell(Severity::kWarning, problem);
  it->second = std::move(file);
  return {it->second.get(), it->second->tree.documents[0].root, ""};
}

At Documents::Follow(const At& at, std::string_view reference) {
  const size_t hash = reference.find('#');
  const std::string_view where = reference.substr(0, hash);
  const std::string_view fragment = hash == std::string_view::npos ? "" : reference.substr(hash + 1);
  At target{at.file, at.file->tree.documents[0].root, ""};
  if (!where.empty()) {
    const std::string location = RelativeLocation(at.file->location, where);
    if (location.empty()) {
      Error(at, "UnsupportedReference",
            StrCat("\"", where, "\" leads elsewhere: a file may refer to files, a URL to its own host"));
      return {};
    }
    target = OpenFrom(location, at);
    if (!target) return {};
  }
  if (!fragment.empty() && fragment[0] != '/') {
    Error(at, "UnsupportedReference", StrCat("\"#", fragment, "\" is no JSON pointer: write \"#/...\""));
    return {};
  }
  std::string_view rest = fragment;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view step = rest.substr(0, rest.find('/'));
    rest.remove_prefix(step.size());
    target = Step(target, Unescape(step));
    if (!target) {
      Error(at, "BadReference", StrCat("there is no \"", reference, "\""));
      return {};
    }
  }
  return target;
}

At Documents::Resolve(At at) {
  for (int i = 0; i < kMaxReferences; ++i) {
    const At reference = at.Child(kReference);
    if (!reference || reference.node->type != model::Node::Type::kScalar) return at;
    const auto [it, is_new] = resolved_.try_emplace({at.file, std::string(reference.Text())});
    if (is_new) it->second = Follow(reference, reference.Text());
    at = it->second;
    if (!at) return at;
  }
  Error(at, "BadReference", StrCat("references lead on and on: more than ", kMaxReferences, " after one another"));
  return {};
}

}  // namespace gloo::openapi
