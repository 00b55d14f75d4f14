// The schema of all kinds, from the descriptors of their protos.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/comments.h"
#include "model/message_schema.h"
#include "model/value.h"
#include "model/writer.h"

namespace gloo::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

Value Text(std::string_view text) { return Value::Text(std::string(text)); }
Value OfType(std::string_view type) { return Value::Map({{"type", Text(type)}}); }
Value Forbidden() { return Value::Bool(false); }

Value Integer(const std::string& minimum, const std::string& maximum) {
  return OfType("integer").Set("minimum", Value::Literal(minimum)).Set("maximum", Value::Literal(maximum));
}

// {"properties": {NAME: SCHEMA}}, with NAME required.
Value With(std::string_view name, Value schema) {
  return Value::Map(
      {{"properties", Value::Map({{std::string(name), std::move(schema)}})}, {"required", Value::List({Text(name)})}});
}

Value Const(std::string_view text) { return Value::Map({{"const", Text(text)}}); }

Value IfThen(Value condition, Value then) {
  return Value::Map({{"if", std::move(condition)}, {"then", std::move(then)}});
}

class SchemaMaker {
 public:
  explicit SchemaMaker(const PartSchemas& schemas) : schemas_(schemas) {}

  std::string Run() {
    std::vector<Value> kinds;
    kinds.push_back(Ref(v1::Upstream::descriptor()));
    kinds.push_back(Ref(v1::VirtualService::descriptor()));
    kinds.push_back(Ref(v1::Role::descriptor()));
    const Value objects = Value::Map({{"oneOf", Value::List(kinds)}});
    Value list = OfType("object");
    Value list_properties = Value::Map();
    list_properties.Set("apiVersion", OfType("string"));
    list_properties.Set(
        "kind", Value::Map({{"enum", Value::Texts({"List", "UpstreamList", "VirtualServiceList", "RoleList"})}}));
    list_properties.Set("metadata", OfType("object"));
    list_properties.Set("items", OfType("array").Set("items", objects));
    list.Set("description", Text("Several objects in one document."));
    list.Set("properties", std::move(list_properties)).Set("required", Value::Texts({"kind", "items"}));
    kinds.push_back(Value::Map({{"$ref", Text("#/$defs/List")}}));

    Value definitions = Value::Map();
    while (!waiting_.empty()) {
      const Descriptor* message = waiting_.front();
      waiting_.pop_front();
      definitions.Set(Name(message), Message(message));
    }
    definitions.Set("List", std::move(list));
    Value root = Value::Map();
    root.Set("$schema", Text("https://json-schema.org/draft/2020-12/schema"));
    root.Set("title", Text("Gloo configuration"));
    root.Set("oneOf", Value::List(std::move(kinds)));
    root.Set("$defs", std::move(definitions));
    return WriteJson(root);
  }

 private:
  static std::string Name(const Descriptor* message) {
    constexpr std::string_view kOurs = "gloo.v1.";
    const std::string& name = message->full_name();
    return name.starts_with(kOurs) ? name.substr(kOurs.size()) : name;
  }

  Value Ref(const Descriptor* message) {
    if (seen_.insert(message).second) waiting_.push_back(message);
    return Value::Map({{"$ref", Text(StrCat("#/$defs/", Name(message)))}});
  }

  // A value of the field: one item where it is repeated.
  Value Single(const FieldSchema& schema) {
    const FieldDescriptor* field = schema.field;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return OfType("boolean");
      case FieldDescriptor::CPPTYPE_INT32:
        return Integer(StrCat(std::numeric_limits<int32_t>::min()), StrCat(std::numeric_limits<int32_t>::max()));
      case FieldDescriptor::CPPTYPE_INT64:
        return Integer(StrCat(std::numeric_limits<int64_t>::min()), StrCat(std::numeric_limits<int64_t>::max()));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Integer("0", StrCat(std::numeric_limits<uint32_t>::max()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return Integer("0", StrCat(std::numeric_limits<uint64_t>::max()));
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return OfType("number");
      case FieldDescriptor::CPPTYPE_STRING:
        if (field->type() == FieldDescriptor::TYPE_BYTES)
          return OfType("string").Set("contentEncoding", Text("base64"));
        return OfType("string");
      case FieldDescriptor::CPPTYPE_ENUM: {
        // As we write them, and as the protos do.
        std::vector<std::string> names;
        for (int i = 0; i < field->enum_type()->value_count(); ++i) {
          names.push_back(EnumName(field->enum_type()->value(i)));
        }
        for (int i = 0; i < field->enum_type()->value_count(); ++i) {
          const std::string& name = field->enum_type()->value(i)->name();
          if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
        return Value::Map({{"enum", Value::Texts(names)}});
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
    switch (schema.well_known) {
      case WellKnown::kDuration:
        return OfType("string")
            .Set("pattern", Text("^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+$"))
            .Set("examples", Value::Texts({"5s", "250ms", "1m30s"}));
      case WellKnown::kTimestamp:
        return OfType("string").Set("format", Text("date-time"));
      case WellKnown::kStruct:
        return OfType("object");
      case WellKnown::kListValue:
        return OfType("array");
      case WellKnown::kWrapper:
        return Single(SchemaOf(field->message_type()).fields[0]);
      case WellKnown::kValue:
      case WellKnown::kAny:
        return Value::Map();
      case WellKnown::kNone:
        break;
    }
    return Ref(field->message_type());
  }

  Value Field(const FieldSchema& schema) {
    Value out;
    if (schema.part == v1::ROUTE_EXTENSIONS) {
      out = Extensions();
    } else if (schema.field->message_type() == v1::Status::descriptor()) {
      out = Value::Map();  // not read
    } else if (schema.field->is_map()) {
      const FieldSchema& value = SchemaOf(schema.field->message_type()).fields[1];
      out = OfType("object").Set("additionalProperties", Single(value));
    } else if (schema.field->is_repeated()) {
      out = OfType("array").Set("items", Single(schema));
      if (schema.required) out.Set("minItems", Value::Literal("1"));
    } else {
      out = Single(schema);
      if (schema.required && schema.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        out.Set("minLength", Value::Literal("1"));
      }
    }
    if (std::string comment = CommentOf(schema.field); !comment.empty()) out.Set("description", Text(comment));
    return out;
  }

  // The fields of a oneof exclude each other.
  static void AddExclusions(const Descriptor* message, std::vector<Value>* rules) {
    for (int i = 0; i < message->real_oneof_decl_count(); ++i) {
      const OneofDescriptor* oneof = message->oneof_decl(i);
      for (int a = 0; a < oneof->field_count(); ++a) {
        for (int b = a + 1; b < oneof->field_count(); ++b) {
          rules->push_back(Value::Map(
              {{"not", Value::Map({{"required",
                                    Value::Texts({oneof->field(a)->json_name(), oneof->field(b)->json_name()})}})}}));
        }
      }
    }
  }

  Value Message(const Descriptor* message) {
    const MessageSchema& schema = SchemaOf(message);
    Value properties = Value::Map();
    std::vector<std::string> required;
    std::vector<Value> rules;
    for (const FieldSchema& field : schema.fields) {
      properties.Set(field.name, Field(field));
      if (field.required) required.push_back(field.name);
    }
    AddExclusions(message, &rules);
    Refine(message, &properties, &required, &rules);
    Value out = OfType("object");
    if (std::string comment = CommentOf(message); !comment.empty()) out.Set("description", Text(comment));
    out.Set("properties", std::move(properties));
    if (!required.empty()) out.Set("required", Value::Texts(required));
    out.Set("additionalProperties", Value::Bool(false));
    if (!rules.empty()) out.Set("allOf", Value::List(std::move(rules)));
    if (schema.scalar == nullptr) return out;
    return Value::Map({{"anyOf", Value::List({Single(*schema.scalar), std::move(out)})}});
  }

  // What the descriptors do not say.
  void Refine(const Descriptor* message, Value* properties, std::vector<std::string>* required,
              std::vector<Value>* rules) {
    if (message == v1::Metadata::descriptor()) {
      properties->Find("name")->Set("pattern",
                                    Text("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"));
      properties->Find("name")->Set("maxLength", Value::Literal("253"));
      properties->Find("namespace")->Set("pattern", Text("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"));
      properties->Find("namespace")->Set("maxLength", Value::Literal("63"));
      for (const char* name : {"uid", "managedFields", "finalizers", "ownerReferences", "selfLink", "deletionTimestamp",
                               "generateName", "deletionGracePeriodSeconds", "clusterName"}) {
        properties->Set(name, Value::Map());
      }
    } else if (message == v1::UpstreamSpec::descriptor()) {
      RefineUpstream(properties, rules);
    } else if (message == v1::ServiceInfo::descriptor()) {
      RefineService(properties, rules);
    } else if (message->FindFieldByName("api_version") != nullptr && message->FindFieldByName("kind") != nullptr) {
      *properties->Find("apiVersion") = Const(kApiVersion);
      *properties->Find("kind") = Const(message->name());
      required->insert(required->begin(), {"apiVersion", "kind"});
    }
  }

  Value Part(std::string_view field, const Descriptor* message) {
    Value out = Value::Map({{"properties", Value::Map({{std::string(field), Ref(message)}})}});
    if (SchemaOf(message).any_required) out.Set("required", Value::List({Text(field)}));
    return out;
  }

  static Value NoPart(std::string_view field) {
    return Value::Map({{"properties", Value::Map({{std::string(field), Forbidden()}})}});
  }

  static Value EachFunction(Value schema) {
    return Value::Map({{"properties", Value::Map({{"functions", Value::Map({{"items", std::move(schema)}})}})}});
  }

  std::vector<std::string> ServiceTypes() const {
    std::vector<std::string> types = schemas_.Known(v1::SERVICE_PROPERTIES);
    for (const std::string& type : schemas_.Known(v1::FUNCTION_SPEC)) types.push_back(type);
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
    return types;
  }

  void RefineUpstream(Value* properties, std::vector<Value>* rules) {
    const std::vector<std::string> types = schemas_.Known(v1::UPSTREAM_SPEC);
    properties->Find("type")->Set("enum", Value::Texts(types));
    for (const std::string& type : types) {
      if (const Descriptor* part = schemas_.FindMessage(v1::UPSTREAM_SPEC, type)) {
        rules->push_back(IfThen(With("type", Const(type)), Part("spec", part)));
      }
    }
    for (const std::string& type : ServiceTypes()) {
      const Descriptor* part = schemas_.FindMessage(v1::FUNCTION_SPEC, type);
      if (part == nullptr) continue;
      rules->push_back(IfThen(With("serviceInfo", With("type", Const(type))), EachFunction(Part("spec", part))));
    }
    for (const std::string& type : types) {
      const Descriptor* part = schemas_.FindMessage(v1::FUNCTION_SPEC, type);
      Value alone = With("type", Const(type));
      alone.Set("not", Value::Map({{"required", Value::Texts({"serviceInfo"})}}));
      rules->push_back(IfThen(std::move(alone), EachFunction(part ? Part("spec", part) : NoPart("spec"))));
    }
  }

  void RefineService(Value* properties, std::vector<Value>* rules) {
    const std::vector<std::string> types = ServiceTypes();
    properties->Find("type")->Set("enum", Value::Texts(types));
    for (const std::string& type : types) {
      const Descriptor* part = schemas_.FindMessage(v1::SERVICE_PROPERTIES, type);
      rules->push_back(IfThen(With("type", Const(type)), part ? Part("properties", part) : NoPart("properties")));
    }
  }

  Value Extensions() {
    Value properties = Value::Map();
    std::vector<Value> rules;
    std::set<std::string> messages;
    for (const std::string& key : schemas_.Known(v1::ROUTE_EXTENSIONS)) {
      const FieldDescriptor* field = schemas_.FindExtension(key);
      if (field == nullptr) continue;
      const MessageSchema& schema = SchemaOf(field->containing_type());
      properties.Set(schema.fields[field->index()].name, Field(schema.fields[field->index()]));
      if (messages.insert(field->containing_type()->full_name()).second) {
        AddExclusions(field->containing_type(), &rules);
      }
    }
    Value out = OfType("object");
    out.Set("properties", std::move(properties)).Set("additionalProperties", Value::Bool(false));
    if (!rules.empty()) out.Set("allOf", Value::List(std::move(rules)));
    return out;
  }

  const PartSchemas& schemas_;
  std::set<const Descriptor*> seen_;
  std::deque<const Descriptor*> waiting_;
};

}  // namespace

std::string JsonSchema(const PartSchemas& schemas) { return SchemaMaker(schemas).Run(); }

}  // namespace gloo::model
