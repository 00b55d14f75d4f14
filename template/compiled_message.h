// The templates of one direction, compiled. Internal to this folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/extractor.h"
#include "template/message.h"
#include "template/schema.h"
#include "template/template.h"
#include "template/transformation.h"

namespace gloo::tmpl {

// What a path cannot hold.
inline bool IsBlankOrControl(unsigned char c) { return c <= ' ' || c == 0x7f; }

class CompiledMessage {
 public:
  // Errors are appended, their fields under "request" or "response". Null if there are any.
  static std::unique_ptr<const CompiledMessage> Compile(const MessageTemplates& templates, bool is_response,
                                                        const TransformationConfig& config,
                                                        std::vector<CompileError>* errors);

  bool needs_body() const { return needs_body_; }
  bool reads_request() const { return reads_request_; }
  std::vector<std::string> Parameters() const;
  std::vector<std::string> RequiredBodyFields() const;

  void Apply(const HeaderSource& headers, const HeaderSource* request_headers, std::string_view body,
             Outcome* outcome) const;

 private:
  struct Named {
    std::string name;
    std::unique_ptr<const Template> value;
  };
  // The state of one Apply().
  struct Work;

  CompiledMessage() = default;
  friend class MessageCompiler;

  bool Render(const Template& t, Work* work, std::string* out) const;
  bool CheckInput(Work* work) const;
  bool ApplyMethod(Work* work) const;
  bool ApplyPath(Work* work) const;
  bool ApplyHeaders(Work* work) const;
  bool ApplyAppends(Work* work) const;
  bool ApplyMetadata(Work* work) const;
  bool ApplyBody(Work* work) const;
  bool SetQuery(Work* work, std::string* path) const;

  bool is_response_ = false;
  bool missing_is_null_ = false;
  size_t max_body_bytes_ = 0;
  std::vector<CompiledExtractor> extractors_;
  std::vector<Parameter> parameters_;
  std::unique_ptr<const Schema> input_;
  std::unique_ptr<const Template> method_;
  std::unique_ptr<const Template> path_;
  std::vector<Named> headers_;
  // What few messages have: there may be one for each of many thousand routes. Null: nothing of it.
  struct More {
    std::vector<Named> query;
    std::vector<Named> append_headers;
    std::vector<Named> metadata;
    std::vector<std::string> remove_headers;
    bool empty() const { return query.empty() && append_headers.empty() && metadata.empty() && remove_headers.empty(); }
  };
  const More& more() const {
    static const More none;
    return more_ == nullptr ? none : *more_;
  }
  std::unique_ptr<More> more_;
  std::unique_ptr<const Template> body_;
  bool merge_ = false;
  bool needs_body_ = false;
  bool reads_request_ = false;
};

// Whether `name`, in lower case, can be the name of a header.
bool IsHeaderName(std::string_view name);

}  // namespace gloo::tmpl
