#include "template/transformation.h"

#include "template/compiled_message.h"

namespace gloo::tmpl {
namespace {

class CompiledTransformation : public Transformation {
 public:
  CompiledTransformation(std::unique_ptr<const CompiledMessage> request,
                         std::unique_ptr<const CompiledMessage> response, const TransformationConfig& config)
      : request_(std::move(request)),
        response_(std::move(response)),
        max_body_bytes_(config.max_body_bytes),
        passes_errors_(config.on_error == OnError::kPass) {}

  bool has_request() const override { return request_ != nullptr; }
  bool has_response() const override { return response_ != nullptr; }
  bool request_needs_body() const override { return request_ != nullptr && request_->needs_body(); }
  bool response_needs_body() const override { return response_ != nullptr && response_->needs_body(); }
  bool response_reads_request() const override { return response_ != nullptr && response_->reads_request(); }
  size_t max_body_bytes() const override { return max_body_bytes_; }
  bool passes_errors() const override { return passes_errors_; }

  void Request(const HeaderSource& headers, std::string_view body, Outcome* outcome) const override {
    *outcome = Outcome();
    // A request's templates find their own headers by request_header() too.
    if (request_ != nullptr) request_->Apply(headers, &headers, body, outcome);
  }

  void Response(const HeaderSource& headers, std::string_view body, Outcome* outcome) const override {
    Response(headers, nullptr, body, outcome);
  }

  void Response(const HeaderSource& headers, const HeaderSource* request_headers, std::string_view body,
                Outcome* outcome) const override {
    *outcome = Outcome();
    if (response_ != nullptr) response_->Apply(headers, request_headers, body, outcome);
  }

  std::vector<std::string> RequestParameters() const override {
    return request_ == nullptr ? std::vector<std::string>() : request_->Parameters();
  }
  std::vector<std::string> RequiredBodyFields() const override {
    return request_ == nullptr ? std::vector<std::string>() : request_->RequiredBodyFields();
  }

 private:
  std::unique_ptr<const CompiledMessage> request_;
  std::unique_ptr<const CompiledMessage> response_;
  size_t max_body_bytes_;
  bool passes_errors_;
};

}  // namespace

std::unique_ptr<Transformation> Transformation::Compile(const TransformationConfig& config,
                                                        std::vector<CompileError>* errors) {
  std::unique_ptr<const CompiledMessage> request;
  std::unique_ptr<const CompiledMessage> response;
  if (config.request.has_value()) request = CompiledMessage::Compile(*config.request, false, config, errors);
  if (config.response.has_value()) response = CompiledMessage::Compile(*config.response, true, config, errors);
  bool failed =
      (config.request.has_value() && request == nullptr) || (config.response.has_value() && response == nullptr);
  if (failed) return nullptr;
  return std::make_unique<CompiledTransformation>(std::move(request), std::move(response), config);
}

}  // namespace gloo::tmpl
