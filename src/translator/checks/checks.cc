#include "translator/checks/checks.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "translator/checks/plan.h"
#include "translator/checks/rules.h"
#include "translator/checks/text.h"

namespace gloo::checks {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A name that Envoy lets no edit of a route touch.
bool IsProtectedHeader(const std::string& name) {
  return (!name.empty() && name.front() == ':') || absl::EqualsIgnoreCase(name, "host");
}

class Walker {
 public:
  explicit Walker(Issues& issues) : issues_(issues) {}

  void Check(const Message& message, const Plan& plan) {
    if (!plan.active || full()) return;
    if (++depth_ > kMaxDepth) {
      Report("TooDeep", absl::StrCat("nested more than ", kMaxDepth, " levels deep"));
    } else {
      CheckMeaning(message, plan);
      const Reflection& reflection = *message.GetReflection();
      for (const auto* oneof : plan.required_oneofs) {
        if (!reflection.HasOneof(message, oneof)) Report("MissingField", MissingOneof(*oneof));
      }
      for (const FieldPlan& field : plan.fields) CheckField(message, reflection, field);
    }
    --depth_;
  }

 private:
  // One step of the path; turned into text only for a report.
  struct Step {
    const FieldDescriptor* field;
    int index = -1;
    const std::string* key = nullptr;
  };
  struct Enter {
    Enter(Walker& walker, Step step) : walker(walker) { walker.path_.push_back(step); }
    ~Enter() { walker.path_.pop_back(); }
    Walker& walker;
  };

  bool full() const { return issues_.items().size() >= Issues::kMaxIssues; }

  void Report(const char* reason, std::string message) {
    std::vector<std::unique_ptr<Issues::Path>> path;
    for (const Step& step : path_) {
      if (step.key != nullptr) {
        path.push_back(std::make_unique<Issues::Path>(issues_, step.field->name(), *step.key));
      } else if (step.index >= 0) {
        path.push_back(std::make_unique<Issues::Path>(issues_, step.field->name(), static_cast<size_t>(step.index)));
      } else {
        path.push_back(std::make_unique<Issues::Path>(issues_, step.field->name()));
      }
    }
    issues_.Error("", reason, std::move(message));
    // Paths end in the reverse order of their beginning.
    while (!path.empty()) path.pop_back();
  }
  void Report(Violation violation) { Report(violation.reason, std::move(violation.message)); }
  void Report(const char* reason, const absl::Status& status) { Report(reason, std::string(status.message())); }

  static std::string MissingOneof(const google::protobuf::OneofDescriptor& oneof) {
    std::string names;
    for (int i = 0; i < oneof.field_count(); ++i) {
      absl::StrAppend(&names, i == 0 ? "" : ", ", oneof.field(i)->name());
    }
    return absl::StrCat("one of these must be set: ", names);
  }

  void CheckField(const Message& message, const Reflection& reflection, const FieldPlan& plan) {
    const FieldDescriptor& field = *plan.field;
    if (field.is_map()) return CheckMap(message, reflection, plan);
    if (field.is_repeated()) return CheckRepeated(message, reflection, plan);
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if ((is_message || field.has_presence()) && !reflection.HasField(message, &field)) {
      // Of a oneof only the field that is set has rules.
      if (plan.required && field.real_containing_oneof() == nullptr) {
        Enter enter(*this, {&field});
        Report("MissingField", std::string("must be set"));
      }
      return;
    }
    Enter enter(*this, {&field});
    CheckValue(message, reflection, field, -1, plan.value, plan);
  }

  void CheckRepeated(const Message& message, const Reflection& reflection, const FieldPlan& plan) {
    const FieldDescriptor& field = *plan.field;
    const int count = reflection.FieldSize(message, &field);
    if (plan.repeated != nullptr && !(plan.repeated->ignore_empty() && count == 0)) {
      Enter enter(*this, {&field});
      CheckCount(count, plan.repeated->has_min_items(), plan.repeated->min_items(), plan.repeated->has_max_items(),
                 plan.repeated->max_items(), "items");
      if (plan.repeated->unique()) CheckUnique(message, reflection, field, count);
    }
    if (plan.value.rules == nullptr && plan.message == nullptr && plan.meaning == FieldMeaning::kPlain) return;
    for (int i = 0; i < count && !full(); ++i) {
      Enter enter(*this, {&field, i});
      CheckValue(message, reflection, field, i, plan.value, plan);
      if (plan.meaning != FieldMeaning::kPlain) CheckHeaderEdit(message, reflection, plan, i);
    }
  }

  void CheckMap(const Message& message, const Reflection& reflection, const FieldPlan& plan) {
    const FieldDescriptor& field = *plan.field;
    const int count = reflection.FieldSize(message, &field);
    if (plan.map != nullptr && !(plan.map->ignore_empty() && count == 0)) {
      Enter enter(*this, {&field});
      CheckCount(count, plan.map->has_min_pairs(), plan.map->min_pairs(), plan.map->has_max_pairs(),
                 plan.map->max_pairs(), "entries");
    }
    if (count == 0 || (plan.key.rules == nullptr && plan.value.rules == nullptr && plan.message == nullptr)) return;
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    // Maps have no order; reports have one.
    std::vector<std::pair<std::string, const Message*>> entries;
    entries.reserve(count);
    for (int i = 0; i < count; ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      entries.emplace_back(ScalarText(entry, *entry.GetReflection(), key_field, -1), &entry);
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& [key, entry] : entries) {
      if (full()) return;
      Enter enter(*this, {&field, -1, &key});
      const Reflection& entry_reflection = *entry->GetReflection();
      if (plan.key.rules != nullptr) CheckScalar(*entry, entry_reflection, key_field, -1, plan.key);
      CheckValue(*entry, entry_reflection, value_field, -1, plan.value, plan);
    }
  }

  void CheckCount(int count, bool has_min, uint64_t min, bool has_max, uint64_t max, const char* what) {
    const auto n = static_cast<uint64_t>(count);
    if (has_min && n < min) Report("InvalidLength", absl::StrCat("must have at least ", min, " ", what, ", has ", n));
    if (has_max && n > max) Report("InvalidLength", absl::StrCat("must have at most ", max, " ", what, ", has ", n));
  }

  void CheckUnique(const Message& message, const Reflection& reflection, const FieldDescriptor& field, int count) {
    std::set<std::string> seen;
    for (int i = 0; i < count; ++i) {
      std::string text = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                             ? reflection.GetRepeatedMessage(message, &field, i).SerializeAsString()
                             : ScalarText(message, reflection, field, i);
      if (!seen.insert(std::move(text)).second) {
        Report("DuplicateValue", absl::StrCat("items must be unique, item ", i, " stands there already"));
        return;
      }
    }
  }

  // One value: singular (index -1) or an item.
  void CheckValue(const Message& message, const Reflection& reflection, const FieldDescriptor& field, int index,
                  const ValueRules& rules, const FieldPlan& plan) {
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (rules.rules != nullptr) CheckScalar(message, reflection, field, index, rules);
      return;
    }
    const Message& value =
        index < 0 ? reflection.GetMessage(message, &field) : reflection.GetRepeatedMessage(message, &field, index);
    if (plan.wrapper) {
      if (rules.rules != nullptr) {
        CheckScalar(value, *value.GetReflection(), *value.GetDescriptor()->field(0), -1, rules);
      }
      return;
    }
    if (rules.rules != nullptr) CheckTyped(*rules.rules, value);
    if (plan.message != nullptr) Check(value, *plan.message);
  }

  void CheckTyped(const validate::FieldRules& rules, const Message& value) {
    Violation violation;
    if (rules.has_duration()) {
      if (const auto* typed = dynamic_cast<const google::protobuf::Duration*>(&value)) {
        violation = ApplyDuration(rules.duration(), *typed);
      }
    } else if (rules.has_any()) {
      if (const auto* typed = dynamic_cast<const google::protobuf::Any*>(&value)) {
        violation = ApplyAny(rules.any(), typed->type_url());
      }
    } else if (rules.has_timestamp()) {
      if (const auto* typed = dynamic_cast<const google::protobuf::Timestamp*>(&value)) {
        violation = ApplyTimestamp(rules.timestamp(), *typed);
      }
    }
    if (violation) Report(std::move(violation));
  }

  void CheckScalar(const Message& m, const Reflection& r, const FieldDescriptor& field, int i,
                   const ValueRules& value) {
    const validate::FieldRules& rules = *value.rules;
    const bool one = i < 0;
    Violation violation;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        violation = ApplySigned(rules, one ? r.GetInt32(m, &field) : r.GetRepeatedInt32(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        violation = ApplySigned(rules, one ? r.GetInt64(m, &field) : r.GetRepeatedInt64(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        violation = ApplyUnsigned(rules, one ? r.GetUInt32(m, &field) : r.GetRepeatedUInt32(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        violation = ApplyUnsigned(rules, one ? r.GetUInt64(m, &field) : r.GetRepeatedUInt64(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        violation = ApplyDouble(rules, one ? r.GetDouble(m, &field) : r.GetRepeatedDouble(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        violation = ApplyDouble(rules, one ? r.GetFloat(m, &field) : r.GetRepeatedFloat(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        violation = ApplyBool(rules.bool_(), one ? r.GetBool(m, &field) : r.GetRepeatedBool(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        violation = ApplyEnum(rules.enum_(), *field.enum_type(),
                              one ? r.GetEnumValue(m, &field) : r.GetRepeatedEnumValue(m, &field, i));
        break;
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text =
            one ? r.GetStringReference(m, &field, &scratch) : r.GetRepeatedStringReference(m, &field, i, &scratch);
        violation = rules.has_bytes() ? ApplyBytes(rules.bytes(), value.pattern.get(), text)
                                      : ApplyString(rules.string(), value.pattern.get(), text);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return;
    }
    if (violation) Report(std::move(violation));
  }

  static std::string ScalarText(const Message& m, const Reflection& r, const FieldDescriptor& field, int i) {
    const bool one = i < 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrCat(one ? r.GetInt32(m, &field) : r.GetRepeatedInt32(m, &field, i));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrCat(one ? r.GetInt64(m, &field) : r.GetRepeatedInt64(m, &field, i));
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrCat(one ? r.GetUInt32(m, &field) : r.GetRepeatedUInt32(m, &field, i));
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrCat(one ? r.GetUInt64(m, &field) : r.GetRepeatedUInt64(m, &field, i));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return absl::StrCat(one ? r.GetDouble(m, &field) : r.GetRepeatedDouble(m, &field, i));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return absl::StrCat(one ? r.GetFloat(m, &field) : r.GetRepeatedFloat(m, &field, i));
      case FieldDescriptor::CPPTYPE_BOOL:
        return (one ? r.GetBool(m, &field) : r.GetRepeatedBool(m, &field, i)) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return absl::StrCat(one ? r.GetEnumValue(m, &field) : r.GetRepeatedEnumValue(m, &field, i));
      case FieldDescriptor::CPPTYPE_STRING:
        return one ? r.GetString(m, &field) : r.GetRepeatedString(m, &field, i);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
    return "";
  }

  void CheckMeaning(const Message& message, const Plan& plan) {
    switch (plan.meaning) {
      case MessageMeaning::kPlain:
      case MessageMeaning::kTimestamp:
        return;
      case MessageMeaning::kAny:
        if (const auto* any = dynamic_cast<const google::protobuf::Any*>(&message)) CheckAny(*any);
        return;
      case MessageMeaning::kDuration:
        if (const auto* duration = dynamic_cast<const google::protobuf::Duration*>(&message)) {
          if (Violation violation = CheckDurationRange(*duration)) Report(std::move(violation));
        }
        return;
      case MessageMeaning::kRegex: {
        // Both types of this meaning name the expression `regex`.
        const FieldDescriptor* field = plan.type->FindFieldByName("regex");
        std::string scratch;
        const std::string& text = message.GetReflection()->GetStringReference(message, field, &scratch);
        if (absl::Status status = CheckRegex(text); !text.empty() && !status.ok()) {
          Enter enter(*this, {field});
          Report(absl::IsResourceExhausted(status) ? "RegexTooLarge" : "InvalidRegex", status);
        }
        return;
      }
      case MessageMeaning::kWeightedClusters:
        if (const auto* clusters = dynamic_cast<const envoy::config::route::v3::WeightedCluster*>(&message)) {
          CheckWeights(*clusters);
        }
        return;
      case MessageMeaning::kRouteConfiguration:
        if (const auto* routes = dynamic_cast<const envoy::config::route::v3::RouteConfiguration*>(&message)) {
          CheckDomains(*routes);
        }
        return;
    }
  }

  void CheckAny(const google::protobuf::Any& any) {
    if (any.type_url().empty()) return;
    const size_t slash = any.type_url().rfind('/');
    const std::string name = slash == std::string::npos ? any.type_url() : any.type_url().substr(slash + 1);
    const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
    if (type == nullptr) return;
    const Plan& plan = PlanOf(type);
    if (!plan.active) return;
    const std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    if (!message->ParseFromString(any.value())) {
      Report("InvalidAny", absl::StrCat("the bytes are no ", name));
      return;
    }
    Check(*message, plan);
  }

  void CheckWeights(const envoy::config::route::v3::WeightedCluster& clusters) {
    uint64_t sum = 0;
    for (const auto& cluster : clusters.clusters()) sum += cluster.weight().value();
    if (clusters.clusters().empty()) return;
    if (sum == 0) Report("InvalidWeights", std::string("the sum of the weights must be greater than 0"));
    if (sum > UINT32_MAX) {
      Report("InvalidWeights", absl::StrCat("the sum of the weights must be at most ", UINT32_MAX, ", is ", sum));
    }
  }

  void CheckDomains(const envoy::config::route::v3::RouteConfiguration& routes) {
    if (routes.virtual_hosts_size() == 1 && routes.virtual_hosts(0).domains_size() == 1) return;
    const FieldDescriptor* hosts = routes.GetDescriptor()->FindFieldByName("virtual_hosts");
    const FieldDescriptor* domains = hosts->message_type()->FindFieldByName("domains");
    absl::flat_hash_map<std::string, std::string> owners;
    for (int i = 0; i < routes.virtual_hosts_size(); ++i) {
      Enter host(*this, {hosts, i});
      for (int j = 0; j < routes.virtual_hosts(i).domains_size() && !full(); ++j) {
        const std::string domain = absl::AsciiStrToLower(routes.virtual_hosts(i).domains(j));
        const auto [owner, added] = owners.emplace(domain, routes.virtual_hosts(i).name());
        if (added) continue;
        Enter enter(*this, {domains, j});
        Report("DuplicateDomain",
               absl::StrCat("domain ", Quote(domain), " belongs to virtual host ", Quote(owner->second), " already"));
      }
    }
  }

  void CheckHeaderEdit(const Message& message, const Reflection& reflection, const FieldPlan& plan, int index) {
    if (plan.meaning == FieldMeaning::kHeadersToRemove) {
      const std::string name = reflection.GetRepeatedString(message, plan.field, index);
      if (IsProtectedHeader(name)) {
        Report("ProtectedHeader", absl::StrCat("header ", Quote(name), " cannot be removed"));
      }
      return;
    }
    const auto* option = dynamic_cast<const envoy::config::core::v3::HeaderValueOption*>(
        &reflection.GetRepeatedMessage(message, plan.field, index));
    if (option == nullptr) return;
    Enter header(*this, {option->GetDescriptor()->FindFieldByName("header")});
    const auto* type = option->header().GetDescriptor();
    if (IsProtectedHeader(option->header().key())) {
      Enter enter(*this, {type->FindFieldByName("key")});
      Report("ProtectedHeader", absl::StrCat("header ", Quote(option->header().key()), " cannot be set"));
    }
    if (absl::Status status = CheckHeaderFormat(option->header().value()); !status.ok()) {
      Enter enter(*this, {type->FindFieldByName("value")});
      Report("InvalidHeaderValue", status);
    }
  }

  Issues& issues_;
  std::vector<Step> path_;
  int depth_ = 0;
};

}  // namespace

void CheckMessage(const Message& message, Issues& issues) {
  const Plan& plan = PlanOf(message.GetDescriptor());
  if (plan.active) Walker(issues).Check(message, plan);
}

}  // namespace gloo::checks
