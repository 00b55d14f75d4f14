#include "model/reference.h"

#include <google/protobuf/descriptor.h>

#include <deque>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "model/comments.h"
#include "model/message_schema.h"
#include "model/object.h"

namespace gloo::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::string_view kIntroduction = R"(# Configuration reference

Generated from the protos by `glooctl reference`; do not edit.

Every object has `apiVersion: gloo.solo.io/v1`, a `kind`, `metadata` and a `spec`. Fields are spelled in
lowerCamelCase; snake_case is taken too. A field that is not in this page is an error. `null` means that a field is not
written. Durations are written as `5s`, `250ms`, `1m30s` or `1h`, times as `2026-01-31T12:00:00Z`, bytes in base64.
)";

// A cell of a table.
std::string Cell(std::string_view text) { return absl::StrReplaceAll(AbslView(text), {{"|", "\\|"}, {"\n", "<br>"}}); }

std::string Anchor(std::string_view heading) {
  std::string out;
  for (char c : heading) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '_') {
      out.push_back(absl::ascii_tolower(c));
    } else if (c == ' ') {
      out.push_back('-');
    }
  }
  return out;
}

class ReferenceWriter {
 public:
  explicit ReferenceWriter(const PartSchemas& schemas) : schemas_(schemas) {}

  std::string Run() {
    out_ = kIntroduction;
    for (const Descriptor* kind :
         {v1::Upstream::descriptor(), v1::VirtualService::descriptor(), v1::Role::descriptor()}) {
      Heading(2, kind->name());
      Paragraph(CommentOf(kind));
      seen_.insert(kind);
      Link(kind->FindFieldByName("spec")->message_type());
      Messages();
    }
    Heading(2, "Shared by all kinds");
    Link(v1::Metadata::descriptor());
    Messages();
    Parts("Upstream types", v1::UPSTREAM_SPEC, "`spec.spec` of an Upstream whose `spec.type` is");
    Parts("Service types", v1::SERVICE_PROPERTIES,
          "`spec.serviceInfo.properties` of an Upstream whose `spec.serviceInfo.type` is");
    Parts("Function types", v1::FUNCTION_SPEC,
          "`spec.functions[].spec` of an Upstream whose `spec.serviceInfo.type` (or, without one, `spec.type`) is");
    Extensions();
    Heading(2, "Status");
    Link(v1::Status::descriptor());
    Messages();
    return std::move(out_);
  }

 private:
  void Heading(int level, std::string_view text) { StrAppend(&out_, "\n", std::string(level, '#'), " ", text, "\n"); }

  void Paragraph(std::string_view text) {
    if (!text.empty()) StrAppend(&out_, "\n", text, "\n");
  }

  static std::string Title(const Descriptor* message) {
    const std::string& name = message->full_name();
    return name.substr(name.rfind('.') + 1) == message->name() && message->containing_type() != nullptr
               ? StrCat(message->containing_type()->name(), ".", message->name())
               : message->name();
  }

  std::string Link(const Descriptor* message) {
    if (seen_.insert(message).second) waiting_.push_back(message);
    return StrCat("[", Title(message), "](#", Anchor(Title(message)), ")");
  }

  // The sections of all messages linked so far.
  void Messages() {
    while (!waiting_.empty()) {
      const Descriptor* message = waiting_.front();
      waiting_.pop_front();
      Heading(3, Title(message));
      Paragraph(CommentOf(message));
      if (const FieldSchema* scalar = SchemaOf(message).scalar) {
        Paragraph(StrCat("Written as plain text it sets `", scalar->name, "`."));
      }
      std::vector<const FieldSchema*> fields;
      for (const FieldSchema& field : SchemaOf(message).fields) fields.push_back(&field);
      Table(fields);
    }
  }

  void Table(const std::vector<const FieldSchema*>& fields) {
    if (fields.empty()) return;
    out_ += "\n| Field | Type | Meaning |\n| --- | --- | --- |\n";
    for (const FieldSchema* field : fields) {
      StrAppend(&out_, "| `", field->name, "` | ", Cell(Type(*field)), " | ", Cell(Meaning(*field)), " |\n");
    }
  }

  std::string Type(const FieldSchema& field) {
    switch (field.part) {
      case v1::UPSTREAM_SPEC:
        return "see [upstream types](#upstream-types)";
      case v1::SERVICE_PROPERTIES:
        return "see [service types](#service-types)";
      case v1::FUNCTION_SPEC:
        return "see [function types](#function-types)";
      case v1::ROUTE_EXTENSIONS:
        return "see [route extensions](#route-extensions)";
      default:
        break;
    }
    if (field.field->is_map()) {
      return StrCat("mapping of names to ", Single(SchemaOf(field.field->message_type()).fields[1]));
    }
    return StrCat(field.field->is_repeated() ? "list of " : "", Single(field));
  }

  std::string Single(const FieldSchema& field) {
    switch (field.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return "`true` or `false`";
      case FieldDescriptor::CPPTYPE_INT32:
      case FieldDescriptor::CPPTYPE_INT64:
        return "whole number";
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
        return "whole number, not negative";
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return "number";
      case FieldDescriptor::CPPTYPE_STRING:
        return field.field->type() == FieldDescriptor::TYPE_BYTES ? "bytes" : "text";
      case FieldDescriptor::CPPTYPE_ENUM: {
        std::string names;
        for (int i = 0; i < field.field->enum_type()->value_count(); ++i) {
          StrAppend(&names, i ? ", `" : "`", EnumName(field.field->enum_type()->value(i)), "`");
        }
        return names;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
    switch (field.well_known) {
      case WellKnown::kDuration:
        return "duration";
      case WellKnown::kTimestamp:
        return "time";
      case WellKnown::kStruct:
        return "mapping";
      case WellKnown::kListValue:
        return "list";
      case WellKnown::kWrapper:
        return Single(SchemaOf(field.field->message_type()).fields[0]);
      case WellKnown::kValue:
      case WellKnown::kAny:
        return "anything";
      case WellKnown::kNone:
        break;
    }
    return Link(field.field->message_type());
  }

  static std::string Meaning(const FieldSchema& field) {
    std::string out;
    if (field.required) out = "**Required.**";
    const auto add = [&out](std::string_view text) {
      if (!text.empty()) StrAppend(&out, out.empty() ? "" : " ", text);
    };
    add(CommentOf(field.field));
    if (const auto* oneof = field.field->real_containing_oneof()) {
      std::string others;
      for (int i = 0; i < oneof->field_count(); ++i) {
        if (oneof->field(i) == field.field) continue;
        StrAppend(&others, others.empty() ? "`" : ", `", oneof->field(i)->json_name(), "`");
      }
      if (!others.empty()) add(StrCat("Excludes ", others, "."));
    }
    if (field.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      for (int i = 0; i < field.field->enum_type()->value_count(); ++i) {
        const auto* value = field.field->enum_type()->value(i);
        if (std::string comment = CommentOf(value); !comment.empty()) {
          add(StrCat("`", EnumName(value), "`: ", comment));
        }
      }
    }
    if (field.secret) add("Never shown.");
    return out;
  }

  void Parts(std::string_view title, v1::OpenPart part, std::string_view place) {
    Heading(2, title);
    const std::vector<std::string> known = schemas_.Known(part);
    if (known.empty()) {
      Paragraph("None.");
      return;
    }
    StrAppend(&out_, "\n", place, ":\n\n| Type | Message |\n| --- | --- |\n");
    for (const std::string& type : known) {
      const Descriptor* message = schemas_.FindMessage(part, type);
      if (message != nullptr) StrAppend(&out_, "| `", type, "` | ", Link(message), " |\n");
    }
    Messages();
  }

  void Extensions() {
    Heading(2, "Route extensions");
    Paragraph("Keys of `extensions` of a route.");
    std::vector<const FieldSchema*> fields;
    for (const std::string& key : schemas_.Known(v1::ROUTE_EXTENSIONS)) {
      if (const FieldDescriptor* field = schemas_.FindExtension(key)) {
        fields.push_back(&SchemaOf(field->containing_type()).fields[field->index()]);
      }
    }
    Table(fields);
    Messages();
  }

  const PartSchemas& schemas_;
  std::set<const Descriptor*> seen_;
  std::deque<const Descriptor*> waiting_;
  std::string out_;
};

}  // namespace

std::string ReferenceMarkdown(const PartSchemas& schemas) { return ReferenceWriter(schemas).Run(); }

}  // namespace gloo::model
