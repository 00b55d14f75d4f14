// What the templates of a transformation read from one message. Internal to this folder.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "template/extractor.h"
#include "template/template.h"
#include "template/transformation.h"

namespace gloo::tmpl {

// How a body's fields are found, from its content type.
enum class BodyFormat { kJson, kForm, kOther };
BodyFormat FormatOf(std::string_view content_type);
bool IsJsonType(std::string_view content_type);

// Reads nothing before it is asked for. Views that it gives live as long as the headers, the body and the arena.
class MessageContext : public Context {
 public:
  // `memory`: what the body's fields, and the parameters among them, may take.
  MessageContext(const HeaderSource& headers, const HeaderSource* request_headers, std::string_view body, size_t memory,
                 std::span<const CompiledExtractor> extractors, std::span<const Parameter> parameters,
                 bool missing_is_null, Arena* arena)
      : headers_(headers),
        request_headers_(request_headers),
        body_(body),
        memory_(memory),
        extractors_(extractors),
        parameters_(parameters),
        missing_is_null_(missing_is_null),
        arena_(arena) {}

  bool Find(const VariablePath& path, Arena* arena, Value* value) override;
  // The body's fields with the parameters over them.
  bool Root(Arena* arena, Value* value) override;
  std::string error() const override { return error_; }
  bool too_large() const override { return too_large_; }
  bool missing_is_null() const override { return missing_is_null_; }
  std::string MissingReason(const VariablePath& path) const override;
  std::string_view Body() const override { return body_; }
  std::optional<std::string_view> Header(std::string_view name) const override { return headers_.Get(name); }
  std::optional<std::string_view> RequestHeader(std::string_view name) const override {
    return request_headers_ == nullptr ? std::nullopt : request_headers_->Get(name);
  }
  std::optional<std::string_view> Extraction(std::string_view name) override;

  // After Root(): whether the body, if there is one, is an object.
  bool DataIsObject() const { return data_.is_object(); }

 private:
  enum class State { kUnread, kRead, kFailed };

  const Value* Parameters();
  // What the extractors of the body take; missing where it cannot be read.
  void ExtractFromBody();
  // The fields of the body alone.
  bool Data();
  bool ReadJsonBody();
  bool ReadForm();
  bool Merge();
  // A parameter that is put into an object; `name` is what is left of its dotted name there.
  struct Addition {
    std::string_view name;
    Value value;
    bool done;
  };
  bool Add(const Value& base, std::span<Addition> additions, Value* result);
  // Before `bytes` are taken of the arena.
  bool Reserve(size_t bytes);
  bool TooLarge();

  const HeaderSource& headers_;
  const HeaderSource* request_headers_;
  std::string_view body_;
  const size_t memory_;
  size_t memory_used_ = 0;
  std::span<const CompiledExtractor> extractors_;
  std::span<const Parameter> parameters_;
  const bool missing_is_null_;
  Arena* arena_;
  // Reading on demand is not seen from outside.
  mutable Value* parameter_values_ = nullptr;
  State data_state_ = State::kUnread;
  Value data_ = Value::Missing();
  State merged_state_ = State::kUnread;
  Value root_ = Value::Missing();
  std::string error_;
  bool too_large_ = false;
};

}  // namespace gloo::tmpl
