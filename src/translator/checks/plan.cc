#include "translator/checks/plan.h"

#include <algorithm>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace gloo::checks {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

MessageMeaning MeaningOf(const Descriptor& type) {
  static const absl::flat_hash_map<std::string, MessageMeaning> meanings = {
      {"google.protobuf.Any", MessageMeaning::kAny},
      {"google.protobuf.Duration", MessageMeaning::kDuration},
      {"google.protobuf.Timestamp", MessageMeaning::kTimestamp},
      {"envoy.type.matcher.v3.RegexMatcher", MessageMeaning::kRegex},
      {"xds.type.matcher.v3.RegexMatcher", MessageMeaning::kRegex},
      {"envoy.config.route.v3.WeightedCluster", MessageMeaning::kWeightedClusters},
      {"envoy.config.route.v3.RouteConfiguration", MessageMeaning::kRouteConfiguration},
  };
  const auto found = meanings.find(type.full_name());
  return found == meanings.end() ? MessageMeaning::kPlain : found->second;
}

FieldMeaning MeaningOf(const FieldDescriptor& field) {
  const std::string& name = field.name();
  if (field.file()->package() != "envoy.config.route.v3") return FieldMeaning::kPlain;
  if (name == "request_headers_to_add" || name == "response_headers_to_add") return FieldMeaning::kHeadersToAdd;
  if (name == "request_headers_to_remove" || name == "response_headers_to_remove") {
    return FieldMeaning::kHeadersToRemove;
  }
  return FieldMeaning::kPlain;
}

bool IsWrapper(const Descriptor& type) {
  constexpr std::string_view kPackage = "google.protobuf.";
  constexpr std::string_view kSuffix = "Value";
  const std::string& name = type.full_name();
  // Struct's Value, ListValue and NullValue are no wrappers: their field is not `value` alone.
  return name.compare(0, kPackage.size(), kPackage) == 0 && name.size() > kPackage.size() + kSuffix.size() &&
         name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0 && type.field_count() == 1 &&
         type.field(0)->name() == "value" && !type.field(0)->is_repeated();
}

bool HasValueRules(const validate::FieldRules& rules, const FieldDescriptor& field) {
  switch (rules.type_case()) {
    case validate::FieldRules::kRepeated:
    case validate::FieldRules::kMap:
    case validate::FieldRules::TYPE_NOT_SET:
      return false;
    default:
      // Rules of messages (required, skip) say nothing about a value.
      return field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || rules.has_any() || rules.has_duration() ||
             rules.has_timestamp() || IsWrapper(*field.message_type());
  }
}

ValueRules MakeValueRules(const validate::FieldRules& rules, const FieldDescriptor& field) {
  ValueRules out;
  if (!HasValueRules(rules, field)) return out;
  out.rules = &rules;
  const std::string& pattern = rules.has_string() ? rules.string().pattern() : rules.bytes().pattern();
  if (!pattern.empty()) out.pattern = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  return out;
}

class Plans {
 public:
  const Plan& Of(const Descriptor* type) {
    {
      absl::ReaderMutexLock lock(&mutex_);
      if (const auto found = plans_.find(type); found != plans_.end()) return *found->second;
    }
    absl::MutexLock lock(&mutex_);
    if (const auto found = plans_.find(type); found != plans_.end()) return *found->second;
    std::vector<Plan*> fresh;
    Plan* plan = Find(type, &fresh);
    for (size_t i = 0; i < fresh.size(); ++i) Fill(fresh[i], &fresh);
    Settle(fresh);
    return *plan;
  }

 private:
  // The plan of `type`; where it is new it is put at the end of `fresh`, still empty.
  Plan* Find(const Descriptor* type, std::vector<Plan*>* fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::unique_ptr<Plan>& plan = plans_[type];
    if (plan == nullptr) {
      plan = std::make_unique<Plan>();
      plan->type = type;
      fresh->push_back(plan.get());
    }
    return plan.get();
  }

  void Fill(Plan* plan, std::vector<Plan*>* fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Descriptor& type = *plan->type;
    plan->meaning = MeaningOf(type);
    plan->active = plan->meaning != MessageMeaning::kPlain && plan->meaning != MessageMeaning::kTimestamp;
    if (plan->meaning == MessageMeaning::kAny || plan->meaning == MessageMeaning::kDuration) return;
    const bool disabled =
        type.options().GetExtension(validate::disabled) || type.options().GetExtension(validate::ignored);
    for (int i = 0; i < type.oneof_decl_count() && !disabled; ++i) {
      if (type.oneof_decl(i)->options().GetExtension(validate::required)) {
        plan->required_oneofs.push_back(type.oneof_decl(i));
        plan->active = true;
      }
    }
    for (int i = 0; i < type.field_count(); ++i) {
      FieldPlan field = MakeField(*type.field(i), disabled, fresh);
      const bool ruled = field.required || field.value.rules != nullptr || field.key.rules != nullptr ||
                         field.repeated != nullptr || field.map != nullptr || field.meaning != FieldMeaning::kPlain;
      plan->active |= ruled;
      if (ruled || field.message != nullptr) plan->fields.push_back(std::move(field));
    }
  }

  FieldPlan MakeField(const FieldDescriptor& field, bool disabled, std::vector<Plan*>* fresh)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    FieldPlan out;
    out.field = &field;
    const FieldDescriptor* value = field.is_map() ? field.message_type()->map_value() : &field;
    bool skip = false;
    if (!disabled && field.options().HasExtension(validate::rules)) {
      const validate::FieldRules& rules = field.options().GetExtension(validate::rules);
      const validate::FieldRules* value_rules = &rules;
      if (field.is_map()) {
        out.map = rules.has_map() ? &rules.map() : nullptr;
        out.key = MakeValueRules(rules.map().keys(), *field.message_type()->map_key());
        value_rules = &rules.map().values();
      } else if (field.is_repeated()) {
        out.repeated = rules.has_repeated() ? &rules.repeated() : nullptr;
        value_rules = &rules.repeated().items();
      } else {
        out.required = rules.message().required() || rules.any().required() || rules.duration().required() ||
                       rules.timestamp().required();
      }
      out.value = MakeValueRules(*value_rules, *value);
      skip = rules.message().skip() || value_rules->message().skip();
    }
    if (!disabled) out.meaning = MeaningOf(field);
    if (value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      out.wrapper = IsWrapper(*value->message_type());
      if (!out.wrapper && !skip) out.message = Find(value->message_type(), fresh);
    }
    return out;
  }

  // A message is active when one below it is; types may hold themselves, so this runs until nothing changes.
  static void Settle(const std::vector<Plan*>& fresh) {
    for (bool changed = true; changed;) {
      changed = false;
      for (Plan* plan : fresh) {
        if (plan->active) continue;
        plan->active = std::any_of(plan->fields.begin(), plan->fields.end(), [](const FieldPlan& field) {
          return field.message != nullptr && field.message->active;
        });
        changed |= plan->active;
      }
    }
    for (Plan* plan : fresh) {
      for (FieldPlan& field : plan->fields) {
        if (field.message != nullptr && !field.message->active) field.message = nullptr;
      }
      plan->fields.erase(std::remove_if(plan->fields.begin(), plan->fields.end(),
                                        [](const FieldPlan& field) {
                                          return field.message == nullptr && !field.required &&
                                                 field.value.rules == nullptr && field.key.rules == nullptr &&
                                                 field.repeated == nullptr && field.map == nullptr &&
                                                 field.meaning == FieldMeaning::kPlain;
                                        }),
                         plan->fields.end());
    }
  }

  absl::Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<Plan>> plans_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

const Plan& PlanOf(const Descriptor* type) {
  static Plans* const plans = new Plans;  // never destroyed: plans are used until the last thread ends
  return plans->Of(type);
}

}  // namespace gloo::checks
