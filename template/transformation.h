// Transformations: what happens to a request or a response of a function. Shared by the data plane (the filter) and
// the control plane (compile, lint, explain), so that both do exactly the same.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::tmpl {

// Parameters taken from the message. `pattern` is literal text with `{name}` markers, each of which captures one or
// more of [-._a-zA-Z0-9]; the pattern must match the whole value, else its parameters are missing. A pattern without
// markers (an empty one too) captures the whole value under the name of where it comes from: "path", "authority", or
// the key without its leading colon. A dot in a name builds nested data: {user.id}.
// A parameter hides the body's field of the same name, also when it is missing. In requests `path` (without the query
// string), `method`, `authority` and `scheme` are there unasked, as variables only: they are no part of context() and
// of a merged body.
struct Extractor {
  // kPath: without the query string. kBody: its text; kPointer: a value in a JSON or form body.
  enum class From { kPath, kAuthority, kHeader, kQuery, kBody, kPointer };
  From from = From::kPath;
  // Lower-case header name, query parameter, or JSON Pointer (RFC 6901).
  std::string key;
  std::string pattern;
  // In place of a pattern a regular expression of RE2 that finds a part of the value: its groups (?P<name>...) are
  // parameters, missing where it finds nothing. Without named groups its first group, or all that it matches, is
  // `name`.
  std::string regex = {};
  // Of the one parameter that there is without a pattern and without named groups; by default as told above.
  std::string name = {};
  bool operator==(const Extractor&) const = default;
};

// Templates for one direction; all of them optional. See docs/transformations.md for the language.
struct MessageTemplates {
  std::vector<Extractor> extractors;
  std::optional<std::string> method;  // request only
  std::optional<std::string> path;    // request only; may hold a query string
  // Query parameters set (replaced) on the path, values URL-escaped; an empty result removes one; request only.
  std::vector<std::pair<std::string, std::string>> query;
  // Set (replace); an empty result removes the header.
  std::vector<std::pair<std::string, std::string>> headers;
  // Set beside the values that are there; an empty result adds nothing.
  std::vector<std::pair<std::string, std::string>> append_headers;
  std::vector<std::string> remove_headers;
  // Dynamic metadata of the stream, for other filters and access logs; an empty result sets nothing.
  std::vector<std::pair<std::string, std::string>> metadata;
  // Unset: the body passes through untouched, and streams unless a template reads it.
  std::optional<std::string> body;
  // A JSON object of all body fields and extracted parameters becomes the body; excludes `body`.
  bool merge_extractors_to_body = false;
  // JSON Schema (schema.h) that all fields and parameters must fit, else the answer is 400; request only.
  std::optional<std::string> input_schema;
  bool operator==(const MessageTemplates&) const = default;
};

// What becomes of a message whose templates fail.
enum class OnError {
  kFail,     // it is answered: 400 and the like, 502 on a response
  kPass,     // it goes on as it came
  kDefault,  // a variable that is missing is null; all other failures are answered
};

struct TransformationConfig {
  std::optional<MessageTemplates> request;
  std::optional<MessageTemplates> response;
  // Bodies that must be held to be transformed may have this many bytes; more is answered 413 (502 on responses).
  size_t max_body_bytes = 1 << 20;
  // Values put into a JSON body are escaped for where they land. False: as the first Gloo did, raw.
  bool escape_json = true;
  OnError on_error = OnError::kFail;
  bool operator==(const TransformationConfig&) const = default;
};

// The wire form: JSON with the field names above in snake_case; what travels in Envoy's per-route configuration.
std::string ToJson(const TransformationConfig& config);
// On failure `error` says what is wrong.
bool FromJson(std::string_view json, TransformationConfig* config, std::string* error);

// Read access to the headers of a message, pseudo headers (:path, :method, :authority, :status) included. Names are
// lower-case. The views live as long as the call that they are passed to.
class HeaderSource {
 public:
  virtual ~HeaderSource() = default;
  virtual std::optional<std::string_view> Get(std::string_view name) const = 0;
};

struct CompileError {
  // "request.headers[\"x-a\"]", "response.body", "request.extractors[0].pattern".
  std::string field;
  // "line 1, column 8: unknown function \"hedaer\"; did you mean \"header\"?"
  std::string message;
};

// The body of the local answer when a body has more than `limit` bytes (413, on responses 502).
std::string TooLargeError(size_t limit, bool response);

// A header's value holds no control character but tabs.
bool IsHeaderValue(std::string_view value);

// Whether a body with this content-encoding (all values of the header, joined by commas) is the body itself.
bool IsIdentityEncoding(std::string_view content_encoding);

// What to do with the message.
struct Outcome {
  // 0: go on. Else answer locally (on a response: replace the status): 400, 413, 500 ...
  int status = 0;
  // With status: the body of the answer, "bad request: variable \"id\" is missing".
  std::string error;
  std::vector<std::pair<std::string, std::string>> set_headers;  // :path, :method included
  std::vector<std::pair<std::string, std::string>> append_headers;
  std::vector<std::string> remove_headers;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::optional<std::string> body;
};

// Compiled once, used by many threads. Never throws; bounded in time and memory.
class Transformation {
 public:
  // Null on error; all errors at once.
  static std::unique_ptr<Transformation> Compile(const TransformationConfig& config, std::vector<CompileError>* errors);
  virtual ~Transformation() = default;

  virtual bool has_request() const = 0;
  virtual bool has_response() const = 0;
  // The body must be held until its end before Request()/Response() can be called, because it is read or replaced;
  // otherwise headers alone do, and the outcome never has a body.
  virtual bool request_needs_body() const = 0;
  virtual bool response_needs_body() const = 0;
  virtual size_t max_body_bytes() const = 0;
  // Messages that fail go on as they came.
  virtual bool passes_errors() const = 0;

  // `body` is empty unless request_needs_body(). Failures are 400 (413 past a limit) with "bad request: ...", on a
  // response 502 with "bad response: ...". The answer of one header name is either set or removed, never both.
  virtual void Request(const HeaderSource& headers, std::string_view body, Outcome* outcome) const = 0;
  virtual void Response(const HeaderSource& headers, std::string_view body, Outcome* outcome) const = 0;

  // The same for templates that call request_header(): true if there are any. Without the request's headers they find
  // none.
  virtual bool response_reads_request() const = 0;
  virtual void Response(const HeaderSource& headers, const HeaderSource* request_headers, std::string_view body,
                        Outcome* outcome) const = 0;

  // Names of the parameters that are taken from a request.
  virtual std::vector<std::string> RequestParameters() const = 0;

  // Names of the variables that a request's templates read without a default and that no extractor gives: they must
  // come from the body. For warnings and `glooctl explain`.
  virtual std::vector<std::string> RequiredBodyFields() const = 0;
};

}  // namespace gloo::tmpl
