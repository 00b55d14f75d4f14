// Runs the templates of one direction on a message.
#include <algorithm>
#include <cstdint>

#include "template/codec.h"
#include "template/compiled_message.h"
#include "template/input.h"
#include "template/json.h"

namespace gloo::tmpl {
namespace {

constexpr int kBadRequest = 400;
constexpr int kTooLarge = 413;
constexpr int kBadResponse = 502;

// "." and ".." as a segment, also with their dots encoded: values must not climb out of the path that was written.
bool HasDotSegment(std::string_view path) {
  path = path.substr(0, path.find('?'));
  while (!path.empty()) {
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    size_t dots = 0;
    while (!segment.empty() && dots < 3) {
      if (segment[0] == '.') {
        segment.remove_prefix(1);
      } else if (segment.size() >= 3 && EqualsIgnoreCase(segment.substr(0, 3), "%2e")) {
        segment.remove_prefix(3);
      } else {
        break;
      }
      ++dots;
    }
    if (segment.empty() && (dots == 1 || dots == 2)) return true;
  }
  return false;
}

// A large body of short values takes more memory than bytes; one of the size that is allowed should mostly fit.
size_t BodyMemory(size_t max_body_bytes) {
  constexpr size_t kLeast = 64 << 10;
  constexpr size_t kTimes = 8;
  return std::max(kLeast, std::min(max_body_bytes, SIZE_MAX / kTimes) * kTimes);
}

bool IsStatus(std::string_view text) {
  return text.size() == 3 && text[0] >= '2' && text[0] <= '5' && IsDigit(text[1]) && IsDigit(text[2]);
}

}  // namespace

std::string TooLargeError(size_t limit, bool response) {
  return std::string(response ? "bad response" : "payload too large") + ": the body has more than " +
         std::to_string(limit) + " bytes";
}

struct CompiledMessage::Work {
  Work(const CompiledMessage& message, const HeaderSource& source, const HeaderSource* request_headers,
       std::string_view body, Outcome* result)
      : context(source, request_headers, body, BodyMemory(message.max_body_bytes_), message.extractors_,
                message.parameters_, message.missing_is_null_, &arena),
        headers(source),
        outcome(result),
        is_response(message.is_response_) {}

  // The message is at fault, as far as can be told.
  bool Fail(int request_status, const std::string& what) {
    *outcome = Outcome();
    outcome->status = is_response ? kBadResponse : request_status;
    outcome->error = (is_response ? "bad response: " : "bad request: ") + what;
    return false;
  }

  InlineArena<8192> arena;
  MessageContext context;
  const HeaderSource& headers;
  Outcome* outcome;
  bool is_response;
  Budget budget{Limits().work};
};

bool CompiledMessage::Render(const Template& t, Work* work, std::string* out) const {
  if (const std::string* constant = t.constant()) {
    out->append(*constant);
    return true;
  }
  RenderError error;
  if (t.Render(&work->context, &work->arena, out, &error, &work->budget)) return true;
  return work->Fail(error.kind == RenderError::Kind::kLimit ? kTooLarge : kBadRequest, error.message);
}

void CompiledMessage::Apply(const HeaderSource& headers, const HeaderSource* request_headers, std::string_view body,
                            Outcome* outcome) const {
  *outcome = Outcome();
  if (body.size() > max_body_bytes_) {
    outcome->status = is_response_ ? kBadResponse : kTooLarge;
    outcome->error = TooLargeError(max_body_bytes_, is_response_);
    return;
  }
  Work work(*this, headers, request_headers, body, outcome);
  // Method, path and content type besides.
  outcome->set_headers.reserve(headers_.size() + 3);
  CheckInput(&work) && ApplyMethod(&work) && ApplyPath(&work) && ApplyHeaders(&work) && ApplyAppends(&work) &&
      ApplyMetadata(&work) && ApplyBody(&work);
}

bool CompiledMessage::CheckInput(Work* work) const {
  if (input_ == nullptr) return true;
  Value fields;
  if (!work->context.Root(&work->arena, &fields)) {
    return work->Fail(work->context.too_large() ? kTooLarge : kBadRequest, work->context.error());
  }
  const Value input = InputOf(*input_, fields, work->headers, &work->arena);
  // Templates have a budget of their own.
  Budget budget{Limits().work};
  std::string mistake;
  switch (input_->Check(input, &budget, &mistake)) {
    case Schema::Result::kFits:
      return true;
    case Schema::Result::kFails:
      return work->Fail(kBadRequest, mistake);
    case Schema::Result::kTooMuchWork:
      break;
  }
  return work->Fail(kTooLarge, "the input takes too much work to check");
}

bool CompiledMessage::ApplyMethod(Work* work) const {
  if (method_ == nullptr) return true;
  std::string method;
  if (!Render(*method_, work, &method)) return false;
  if (!IsHeaderName(method)) return work->Fail(kBadRequest, "the method would be \"" + method.substr(0, 40) + "\"");
  work->outcome->set_headers.emplace_back(":method", std::move(method));
  return true;
}

bool CompiledMessage::ApplyPath(Work* work) const {
  if (path_ == nullptr && more().query.empty()) return true;
  std::string path;
  if (path_ == nullptr) {
    path = work->headers.Get(":path").value_or("/");
    if (!IsHeaderValue(path)) return work->Fail(kBadRequest, "the path holds a control character");
  } else {
    path.reserve(path_->size());
    if (!Render(*path_, work, &path)) return false;
    if (!path.starts_with('/')) return work->Fail(kBadRequest, "the path would not begin with \"/\"");
    if (path_->constant() == nullptr) {
      if (std::any_of(path.begin(), path.end(), IsBlankOrControl)) {
        return work->Fail(kBadRequest, "the path would hold a space or a control character");
      }
      if (HasDotSegment(path)) return work->Fail(kBadRequest, "the path would hold a \".\" or \"..\" segment");
    }
  }
  if (!more().query.empty() && !SetQuery(work, &path)) return false;
  work->outcome->set_headers.emplace_back(":path", std::move(path));
  return true;
}

bool CompiledMessage::SetQuery(Work* work, std::string* path) const {
  std::string_view old = *path;
  size_t question = old.find('?');
  std::string_view rest = question == std::string_view::npos ? std::string_view() : old.substr(question + 1);
  std::string out;
  size_t size = path->size();
  for (const Named& set : more().query) size += set.name.size() + set.value->size() + 2;
  out.reserve(size);
  out.append(old.substr(0, question));
  char separator = '?';
  // What is there and is not set anew stays as it is written.
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    std::string_view name = pair.substr(0, pair.find('='));
    if (name.find_first_of("%+") != std::string_view::npos) {
      char* decoded = work->arena.New<char>(name.size());
      name = {decoded, UrlDecode(name, true, decoded)};
    }
    if (std::any_of(more().query.begin(), more().query.end(), [&](const Named& set) { return set.name == name; }))
      continue;
    out.push_back(separator);
    out.append(pair);
    separator = '&';
  }
  for (const Named& set : more().query) {
    const size_t before = out.size();
    out.push_back(separator);
    AppendUrlEncoded(set.name, &out);
    out.push_back('=');
    const size_t begin = out.size();
    if (!Render(*set.value, work, &out)) return false;
    const std::string_view value = std::string_view(out).substr(begin);
    if (value.empty()) {
      out.resize(before);
      continue;
    }
    if (std::any_of(value.begin(), value.end(), IsBlankOrControl)) {
      return work->Fail(kBadRequest,
                        "the query parameter \"" + set.name + "\" would hold a space or a control character");
    }
    separator = '&';
  }
  *path = std::move(out);
  return true;
}

bool CompiledMessage::ApplyHeaders(Work* work) const {
  Outcome* outcome = work->outcome;
  outcome->remove_headers.reserve(more().remove_headers.size());
  for (const std::string& name : more().remove_headers) {
    bool set = std::any_of(headers_.begin(), headers_.end(), [&](const Named& h) { return h.name == name; });
    if (!set) outcome->remove_headers.push_back(name);
  }
  std::string value;
  for (const Named& header : headers_) {
    value.clear();
    if (!Render(*header.value, work, &value)) return false;
    if (!IsHeaderValue(value)) {
      return work->Fail(kBadRequest, "the header \"" + header.name + "\" would hold a control character");
    }
    if (header.name == ":status" && !IsStatus(value)) {
      return work->Fail(kBadRequest, "the status would be \"" + value.substr(0, 40) + "\"");
    }
    if (header.name == ":method" && !IsHeaderName(value)) {
      return work->Fail(kBadRequest, "the method would be \"" + value.substr(0, 40) + "\"");
    }
    if (!value.empty()) {
      outcome->set_headers.emplace_back(header.name, std::move(value));
    } else if (header.name.starts_with(':')) {
      return work->Fail(kBadRequest, "the header \"" + header.name + "\" would be empty");
    } else {
      outcome->remove_headers.push_back(header.name);
    }
  }
  return true;
}

bool CompiledMessage::ApplyAppends(Work* work) const {
  for (const Named& header : more().append_headers) {
    std::string value;
    if (!Render(*header.value, work, &value)) return false;
    if (!IsHeaderValue(value)) {
      return work->Fail(kBadRequest, "the header \"" + header.name + "\" would hold a control character");
    }
    if (!value.empty()) work->outcome->append_headers.emplace_back(header.name, std::move(value));
  }
  return true;
}

bool CompiledMessage::ApplyMetadata(Work* work) const {
  for (const Named& named : more().metadata) {
    std::string value;
    if (!Render(*named.value, work, &value)) return false;
    if (!value.empty()) work->outcome->metadata.emplace_back(named.name, std::move(value));
  }
  return true;
}

bool CompiledMessage::ApplyBody(Work* work) const {
  Outcome* outcome = work->outcome;
  auto is_content_type = [](const std::pair<std::string, std::string>& h) { return h.first == "content-type"; };
  if (body_ != nullptr) {
    std::string body;
    // Most of what a template reads it writes, and little of a large body.
    body.reserve(body_->size() + std::min<size_t>(work->context.Body().size(), 4 << 10));
    if (!Render(*body_, work, &body)) return false;
    if (body.empty()) {
      std::erase_if(outcome->set_headers, is_content_type);
      auto& removed = outcome->remove_headers;
      if (std::find(removed.begin(), removed.end(), "content-type") == removed.end()) removed.push_back("content-type");
    }
    outcome->body = std::move(body);
    return true;
  }
  if (!merge_) return true;
  std::string_view type = work->headers.Get("content-type").value_or("");
  bool empty = work->context.Body().empty();
  if (!empty && FormatOf(type) == BodyFormat::kOther) {
    return work->Fail(kBadRequest, "parameters cannot be merged into a body of type \"" + std::string(type) + "\"");
  }
  Value root;
  if (!work->context.Root(&work->arena, &root)) {
    return work->Fail(work->context.too_large() ? kTooLarge : kBadRequest, work->context.error());
  }
  if (!work->context.DataIsObject()) {
    return work->Fail(kBadRequest, "parameters cannot be merged into a body that is not a JSON object");
  }
  std::string body;
  AppendJson(root, SIZE_MAX, &body);
  outcome->body = std::move(body);
  bool sets_type = std::any_of(outcome->set_headers.begin(), outcome->set_headers.end(), is_content_type);
  if (!IsJsonType(type) && !sets_type) outcome->set_headers.emplace_back("content-type", "application/json");
  return true;
}

}  // namespace gloo::tmpl
