#include "model/reader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/hash.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "model/documents.h"
#include "model/message_reader.h"
#include "model/parse.h"
#include "model/scalars.h"

namespace gloo::model {
namespace {

// Both spellings of a key.
const Entry* FindEntry(const Node* map, std::string_view name, std::string_view other = "") {
  if (map == nullptr) return nullptr;
  for (const Entry& entry : map->entries) {
    if (entry.key == name || (!other.empty() && entry.key == other)) return &entry;
  }
  return nullptr;
}

const Node* FindNode(const Node* map, std::string_view name, std::string_view other = "") {
  const Entry* entry = FindEntry(map, name, other);
  return entry ? entry->value : nullptr;
}

std::string_view TextOf(const Node* node) { return node ? node->text : std::string_view(); }

// The two levels of a map are found this way, whatever stands there.
PartTypes TypesOf(const Node& root) {
  const Node* spec = FindNode(&root, "spec");
  return {TextOf(FindNode(spec, "type")), TextOf(FindNode(FindNode(spec, "serviceInfo", "service_info"), "type"))};
}

class ObjectReader {
 public:
  ObjectReader(const Node& root, std::string_view file, const PartSchemas& schemas)
      : root_(root), file_(file), reader_(schemas, file, TypesOf(root), &issues_) {}

  ReadResult Run(const std::vector<Problem>& problems, Origin origin) {
    for (const Problem& problem : problems) {
      issues_.Add({Severity::kError, problem.reason, problem.path, problem.message,
                   Location{std::string(file_), problem.line, problem.column}});
    }
    ReadResult result;
    if (root_.type != Node::Type::kMap) {
      reader_.Error(
          top_, root_.line, root_.column, "NotAnObject",
          StrCat("a document must be a mapping with apiVersion, kind, metadata and spec, not ", Describe(root_)));
      result.issues = Sorted();
      return result;
    }
    CheckApiVersion();
    const std::optional<Kind> kind = ReadKind();
    if (kind) {
      auto object = std::make_shared<Object>();
      object->origin = std::move(origin);
      switch (*kind) {
        case Kind::kUpstream:
          ReadBody<v1::Upstream>(*kind, object.get(), &result);
          break;
        case Kind::kVirtualService:
          ReadBody<v1::VirtualService>(*kind, object.get(), &result);
          break;
        case Kind::kRole:
          ReadBody<v1::Role>(*kind, object.get(), &result);
          break;
      }
      if (issues_.ok()) result.object = std::move(object);
    }
    result.issues = Sorted();
    return result;
  }

 private:
  void ErrorAt(const Entry* entry, std::string_view field, std::string_view reason, std::string message) {
    const Frame frame{&top_, Frame::Kind::kField, entry ? entry->key : field, 0, 0, 0};
    const bool value = entry != nullptr && entry->value->type != Node::Type::kNull;
    if (value) {
      reader_.Error(frame, entry->value->line, entry->value->column, reason, std::move(message));
    } else {
      reader_.Error(frame, entry ? entry->line : root_.line, entry ? entry->column : root_.column, reason,
                    std::move(message));
    }
  }

  void CheckApiVersion() {
    const Entry* entry = FindEntry(&root_, "apiVersion", "api_version");
    if (entry == nullptr || entry->value->type == Node::Type::kNull) {
      ErrorAt(entry, "apiVersion", "MissingField", StrCat("is required; write ", kApiVersion));
    } else if (entry->value->text != kApiVersion) {
      ErrorAt(entry, "apiVersion", "UnknownApiVersion",
              StrCat("must be \"", kApiVersion, "\", not ", Describe(*entry->value)));
    }
  }

  std::optional<Kind> ReadKind() {
    const Entry* entry = FindEntry(&root_, "kind");
    std::vector<std::string> known;
    for (Kind kind : kKinds) {
      if (entry != nullptr && entry->value->text == KindName(kind)) return kind;
      known.emplace_back(KindName(kind));
    }
    if (entry == nullptr || entry->value->type == Node::Type::kNull) {
      ErrorAt(entry, "kind", "MissingField", "is required; write Upstream, VirtualService or Role");
    } else {
      ErrorAt(entry, "kind", "UnknownKind",
              StrCat("unknown kind ", Describe(*entry->value), Suggestion(entry->value->text, known)));
    }
    return std::nullopt;
  }

  void CheckNames(ReadResult* result, Kind kind) {
    const Entry* metadata = FindEntry(&root_, "metadata");
    const Node* map = metadata ? metadata->value : nullptr;
    const Frame frame{&top_, Frame::Kind::kField, "metadata", 0, 0, 0};
    const auto check = [&](std::string_view field, bool label) -> std::string {
      const Entry* entry = FindEntry(map, field);
      if (entry == nullptr || entry->value->type != Node::Type::kScalar || entry->value->text.empty()) return "";
      if (std::optional<Mistake> mistake = CheckName(entry->value->text, label)) {
        const Frame below{&frame, Frame::Kind::kField, field, 0, 0, 0};
        reader_.Error(below, entry->value->line, entry->value->column, mistake->reason, mistake->message);
      }
      return std::string(entry->value->text);
    };
    const std::string name = check("name", false);
    const std::string ns = check("namespace", true);
    if (!name.empty()) result->key = ObjectKey{kind, ns.empty() ? std::string(kDefaultNamespace) : ns, name};
  }

  template <typename Body>
  void ReadBody(Kind kind, Object* object, ReadResult* result) {
    Body body;
    reader_.Read(root_, top_, &body);
    CheckNames(result, kind);
    if (!issues_.ok() || !result->key) return;
    body.clear_status();
    body.mutable_metadata()->set_namespace_(result->key->ns);
    object->key = *result->key;
    object->generation = body.metadata().generation();
    const auto& created = body.metadata().creation_timestamp();
    object->created = created.seconds() * 1'000'000'000 + created.nanos();
    object->hash = ContentHash(SerializeDeterministically(body.spec()));
    object->body = model::Body(std::move(body));
  }

  std::vector<Issue> Sorted() {
    std::vector<Issue> issues = issues_.items();
    std::stable_sort(issues.begin(), issues.end(), [](const Issue& a, const Issue& b) {
      return std::tie(a.location.line, a.location.column) < std::tie(b.location.line, b.location.column);
    });
    if (issues_.dropped() > 0) {
      issues.push_back({Severity::kError, "TooManyIssues", "", StrCat("and ", issues_.dropped(), " more mistakes"),
                        Location{std::string(file_), root_.line, root_.column}});
    }
    return issues;
  }

  const Node& root_;
  std::string_view file_;
  const Frame top_;
  Issues issues_;
  MessageReader reader_;
};

}  // namespace

FileResult ReadText(std::string_view text, std::string_view file, const PartSchemas& schemas, const ReadLimits& limits,
                    std::string_view source) {
  FileResult result;
  const auto fail = [&](int line, int column, std::string reason, std::string path, std::string message) {
    result.issues.push_back({Severity::kError, std::move(reason), std::move(path), std::move(message),
                             Location{std::string(file), line, column}});
  };
  if (text.size() > limits.max_bytes) {
    fail(0, 0, "TooLarge", "",
         absl::StrFormat("has %d bytes; at most %d are read; spread the objects over several files", text.size(),
                         limits.max_bytes));
    return result;
  }
  Tree tree;
  ParseText(text, file, {limits.max_depth, limits.max_nodes, limits.max_bytes}, &tree);
  if (tree.failure) {
    fail(tree.failure->line, tree.failure->column, tree.failure->reason, tree.failure->path, tree.failure->message);
    return result;
  }
  result.readable = true;
  std::map<ObjectKey, int> lines;
  for (const ObjectNode& object : ObjectsOf(tree)) {
    Origin origin{std::string(source), std::string(file), static_cast<int>(result.documents.size()), object.node->line};
    ReadResult read = ObjectReader(*object.node, file, schemas).Run(object.problems, std::move(origin));
    if (read.key) {
      const auto [first, added] = lines.emplace(*read.key, object.node->line);
      if (!added) {
        const Node* name = FindNode(FindNode(object.node, "metadata"), "name");
        read.issues.push_back({Severity::kError, "DuplicateName", "metadata.name",
                               StrCat(ToString(*read.key), " is in this file already, on line ", first->second),
                               Location{std::string(file), name->line, name->column}});
        read.object = nullptr;
        read.key.reset();
      }
    }
    result.documents.push_back(std::move(read));
  }
  return result;
}

}  // namespace gloo::model
