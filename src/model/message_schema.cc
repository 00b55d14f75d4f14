#include "model/message_schema.h"

#include "base/strings.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/synchronization/mutex.h"

namespace gloo::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

struct Cache {
  absl::Mutex mutex;
  std::unordered_map<const Descriptor*, std::unique_ptr<MessageSchema>> schemas ABSL_GUARDED_BY(mutex);
  // "alias=name" of all fields seen.
  std::unordered_set<std::string> aliases ABSL_GUARDED_BY(mutex);
};

Cache& TheCache() {
  static Cache* cache = new Cache;
  return *cache;
}

std::unique_ptr<MessageSchema> Build(const Descriptor* message, std::vector<std::string>* aliases) {
  auto schema = std::make_unique<MessageSchema>();
  schema->fields.resize(message->field_count());
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* field = message->field(i);
    FieldSchema& entry = schema->fields[i];
    entry.field = field;
    entry.name = field->json_name();
    entry.index = i;
    entry.required = field->options().GetExtension(v1::required);
    entry.secret = field->options().GetExtension(v1::secret);
    entry.part = field->options().GetExtension(v1::open_part);
    if (field->message_type() != nullptr) entry.well_known = WellKnownOf(field->message_type());
    schema->any_required |= entry.required;
    schema->names.push_back(entry.name);
    schema->by_name.emplace(entry.name, &entry);
    schema->by_name.emplace(field->name(), &entry);
    for (const std::string& alias : field->options().GetRepeatedExtension(v1::alias)) {
      schema->by_name.emplace(alias, &entry);
      aliases->push_back(StrCat(alias, "=", entry.name));
    }
  }
  const std::string& scalar = message->options().GetExtension(v1::scalar_field);
  if (!scalar.empty()) schema->scalar = schema->Find(scalar);
  return schema;
}

// Lower case without what separates words.
std::string Folded(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c != '_' && c != '-') out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

}  // namespace

WellKnown WellKnownOf(const Descriptor* message) {
  static const auto* kNames = new std::unordered_map<std::string_view, WellKnown>{
      {"google.protobuf.Any", WellKnown::kAny},
      {"google.protobuf.Duration", WellKnown::kDuration},
      {"google.protobuf.Timestamp", WellKnown::kTimestamp},
      {"google.protobuf.Struct", WellKnown::kStruct},
      {"google.protobuf.Value", WellKnown::kValue},
      {"google.protobuf.ListValue", WellKnown::kListValue},
      {"google.protobuf.DoubleValue", WellKnown::kWrapper},
      {"google.protobuf.FloatValue", WellKnown::kWrapper},
      {"google.protobuf.Int64Value", WellKnown::kWrapper},
      {"google.protobuf.UInt64Value", WellKnown::kWrapper},
      {"google.protobuf.Int32Value", WellKnown::kWrapper},
      {"google.protobuf.UInt32Value", WellKnown::kWrapper},
      {"google.protobuf.BoolValue", WellKnown::kWrapper},
      {"google.protobuf.StringValue", WellKnown::kWrapper},
      {"google.protobuf.BytesValue", WellKnown::kWrapper},
  };
  auto found = kNames->find(message->full_name());
  return found == kNames->end() ? WellKnown::kNone : found->second;
}

const FieldSchema* MessageSchema::Find(std::string_view name) const {
  auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

const MessageSchema& SchemaOf(const Descriptor* message) {
  Cache& cache = TheCache();
  {
    absl::ReaderMutexLock lock(&cache.mutex);
    auto found = cache.schemas.find(message);
    if (found != cache.schemas.end()) return *found->second;
  }
  std::vector<std::string> aliases;
  std::unique_ptr<MessageSchema> schema = Build(message, &aliases);
  absl::MutexLock lock(&cache.mutex);
  for (std::string& alias : aliases) cache.aliases.insert(std::move(alias));
  return *cache.schemas.try_emplace(message, std::move(schema)).first->second;
}

bool SpellsField(std::string_view typed, std::string_view name) {
  if (typed == name || Folded(typed) == Folded(name)) return true;
  Cache& cache = TheCache();
  absl::ReaderMutexLock lock(&cache.mutex);
  return cache.aliases.contains(StrCat(typed, "=", name));
}

std::string EnumName(const google::protobuf::EnumValueDescriptor* value) {
  std::string out;
  bool upper = true;
  for (char c : value->name()) {
    if (c == '_') {
      upper = true;
    } else {
      out.push_back(upper ? absl::ascii_toupper(c) : absl::ascii_tolower(c));
      upper = false;
    }
  }
  return out;
}

}  // namespace gloo::model
