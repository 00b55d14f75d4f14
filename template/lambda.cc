#include "template/lambda.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <utility>

#include "template/codec.h"
#include "template/compiled_message.h"
#include "template/json.h"
#include "template/transformation.h"
#include "template/value.h"

namespace gloo::tmpl {
namespace {

constexpr std::string_view kFields[] = {"path", "host", "payload", "async", "max_body_bytes"};
// How a message travels from one hop to the next: Envoy's affair.
constexpr std::string_view kOfHop[] = {"connection", "content-length", "keep-alive",        "proxy-connection",
                                       "te",         "trailer",        "transfer-encoding", "upgrade"};

bool IsOfHop(std::string_view name) {
  return std::find(std::begin(kOfHop), std::end(kOfHop), name) != std::end(kOfHop);
}

// ---- the event

class Writer {
 public:
  void Open(char c) {
    Comma();
    out_ += c;
    first_ = true;
  }
  void Close(char c) {
    out_ += c;
    first_ = false;
  }
  Writer& Key(std::string_view key) {
    Comma();
    Quoted(key);
    out_ += ':';
    first_ = true;
    return *this;
  }
  void Text(std::string_view text) {
    Comma();
    Quoted(text);
  }
  // JSON as it is.
  void Literal(std::string_view text) {
    Comma();
    out_ += text;
  }
  std::string Take() { return std::move(out_); }
  std::string& out() { return out_; }

 private:
  void Comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Quoted(std::string_view text) {
    out_ += '"';
    AppendJsonEscaped(text, &out_);
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

using Lists = std::map<std::string, std::vector<std::string>, std::less<>>;

std::string Decoded(std::string_view text) {
  std::string out;
  AppendUrlDecoded(text, /*plus_is_space=*/true, &out);
  return out;
}

Lists QueryOf(std::string_view query, bool decode) {
  Lists out;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    out[decode ? Decoded(name) : std::string(name)].push_back(decode ? Decoded(value) : std::string(value));
  }
  return out;
}

Lists HeadersOf(const LambdaRequest& request) {
  Lists out;
  if (!request.authority.empty()) out["host"].emplace_back(request.authority);
  for (const auto& [name, value] : request.headers) {
    if (name.starts_with(':') || name.starts_with("x-gloo-")) continue;
    if (!IsOfHop(name) && name != "host") out[std::string(name)].emplace_back(value);
  }
  return out;
}

std::string Joined(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out.append(out.empty() ? "" : ",").append(value);
  return out;
}

void WriteLast(const Lists& lists, Writer& out) {
  out.Open('{');
  for (const auto& [name, values] : lists) out.Key(name).Text(values.back());
  out.Close('}');
}

void WriteJoined(const Lists& lists, Writer& out) {
  out.Open('{');
  for (const auto& [name, values] : lists) out.Key(name).Text(Joined(values));
  out.Close('}');
}

void WriteAll(const Lists& lists, Writer& out) {
  out.Open('{');
  for (const auto& [name, values] : lists) {
    out.Key(name).Open('[');
    for (const std::string& value : values) out.Text(value);
    out.Close(']');
  }
  out.Close('}');
}

std::string_view WithoutParameters(std::string_view content_type) {
  std::string_view essence = content_type.substr(0, content_type.find(';'));
  while (!essence.empty() && IsSpace(essence.back())) essence.remove_suffix(1);
  return essence;
}

// As the gateways of AWS take it, and every other type that says it is JSON or XML.
bool IsText(std::string_view content_type) {
  std::string type(WithoutParameters(content_type));
  std::transform(type.begin(), type.end(), type.begin(), ToLower);
  return type.starts_with("text/") || type == "application/json" || type == "application/javascript" ||
         type == "application/xml" || type.ends_with("+json") || type.ends_with("+xml");
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void WriteBody(const Lists& headers, std::string_view body, std::string_view empty, Writer& out) {
  const auto value = [&](std::string_view name) {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string_view() : std::string_view(it->second.back());
  };
  const bool plain = IsText(value("content-type")) && IsIdentityEncoding(value("content-encoding")) && IsUtf8(body);
  if (body.empty()) {
    if (!empty.empty()) out.Key("body").Literal(empty);
  } else if (plain) {
    out.Key("body").Text(body);
  } else {
    out.Key("body").Literal("\"");
    AppendBase64(body, /*url=*/false, &out.out());
    out.out() += '"';
  }
  out.Key("isBase64Encoded").Literal(!body.empty() && !plain ? "true" : "false");
}

std::string_view WithoutPort(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, std::min(address.find(']'), address.size()) - 1);
  const size_t colon = address.find(':');
  return colon == address.rfind(':') ? address.substr(0, colon) : address;
}

// As in the logs of web servers: 12/Mar/2020:19:03:58 +0000.
std::string LogTime(int64_t time_ms) {
  constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time_ms / 1000;
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%02d/%s/%04d:%02d:%02d:%02d +0000", utc.tm_mday,
                kMonths[utc.tm_mon % 12].data(), utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text.data();
}

struct Parts {
  std::string_view path;
  std::string_view query;
  Lists headers;

  std::string_view Header(std::string_view name) const {
    const auto it = headers.find(name);
    return it == headers.end() ? std::string_view() : std::string_view(it->second.back());
  }
};

void WriteAlb(const LambdaRequest& request, const Parts& parts, std::string_view body, Writer& out) {
  // Load balancers do not decode the parameters.
  const Lists query = QueryOf(parts.query, /*decode=*/false);
  out.Key("requestContext").Literal(R"({"elb":{"targetGroupArn":""}})");
  out.Key("httpMethod").Text(request.method);
  out.Key("path").Text(parts.path);
  WriteLast(query, out.Key("queryStringParameters"));
  WriteAll(query, out.Key("multiValueQueryStringParameters"));
  WriteLast(parts.headers, out.Key("headers"));
  WriteAll(parts.headers, out.Key("multiValueHeaders"));
  WriteBody(parts.headers, body, R"("")", out);
}

// What both formats of API Gateway say of the API; there is none, so that the ids are empty.
void WriteApi(const LambdaRequest& request, const Parts& parts, Writer& out) {
  const std::string_view domain = WithoutPort(request.authority);
  out.Key("accountId").Text("");
  out.Key("apiId").Text("");
  out.Key("domainName").Text(domain);
  out.Key("domainPrefix").Text(domain.substr(0, domain.find('.')));
  out.Key("requestId").Text(parts.Header("x-request-id"));
  out.Key("stage").Text("$default");
}

void WriteV1(const LambdaRequest& request, const Parts& parts, std::string_view body, Writer& out) {
  const Lists query = QueryOf(parts.query, /*decode=*/true);
  out.Key("version").Text("1.0");
  out.Key("resource").Text(parts.path);
  out.Key("path").Text(parts.path);
  out.Key("httpMethod").Text(request.method);
  WriteLast(parts.headers, out.Key("headers"));
  WriteAll(parts.headers, out.Key("multiValueHeaders"));
  if (query.empty()) {
    out.Key("queryStringParameters").Literal("null");
    out.Key("multiValueQueryStringParameters").Literal("null");
  } else {
    WriteLast(query, out.Key("queryStringParameters"));
    WriteAll(query, out.Key("multiValueQueryStringParameters"));
  }
  out.Key("pathParameters").Literal("null");
  out.Key("stageVariables").Literal("null");
  out.Key("requestContext").Open('{');
  WriteApi(request, parts, out);
  out.Key("httpMethod").Text(request.method);
  out.Key("identity").Open('{');
  out.Key("sourceIp").Text(WithoutPort(request.source_ip));
  out.Key("userAgent").Text(parts.Header("user-agent"));
  out.Close('}');
  out.Key("path").Text(parts.path);
  out.Key("protocol").Text(request.protocol);
  out.Key("requestTime").Text(LogTime(request.time_ms));
  out.Key("requestTimeEpoch").Literal(std::to_string(request.time_ms));
  out.Key("resourcePath").Text(parts.path);
  out.Close('}');
  WriteBody(parts.headers, body, "null", out);
}

void WriteV2(const LambdaRequest& request, Parts parts, std::string_view body, Writer& out) {
  const Lists query = QueryOf(parts.query, /*decode=*/true);
  out.Key("version").Text("2.0");
  out.Key("routeKey").Text("$default");
  out.Key("rawPath").Text(parts.path);
  out.Key("rawQueryString").Text(parts.query);
  if (const auto cookies = parts.headers.find("cookie"); cookies != parts.headers.end()) {
    out.Key("cookies").Open('[');
    for (std::string_view line : cookies->second) {
      while (!line.empty()) {
        const size_t end = std::min(line.find(';'), line.size());
        std::string_view cookie = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        while (cookie.starts_with(' ')) cookie.remove_prefix(1);
        if (!cookie.empty()) out.Text(cookie);
      }
    }
    out.Close(']');
    parts.headers.erase(cookies);
  }
  WriteJoined(parts.headers, out.Key("headers"));
  if (!query.empty()) WriteJoined(query, out.Key("queryStringParameters"));
  out.Key("requestContext").Open('{');
  WriteApi(request, parts, out);
  out.Key("http").Open('{');
  out.Key("method").Text(request.method);
  out.Key("path").Text(parts.path);
  out.Key("protocol").Text(request.protocol);
  out.Key("sourceIp").Text(WithoutPort(request.source_ip));
  out.Key("userAgent").Text(parts.Header("user-agent"));
  out.Close('}');
  out.Key("routeKey").Text("$default");
  out.Key("time").Text(LogTime(request.time_ms));
  out.Key("timeEpoch").Literal(std::to_string(request.time_ms));
  out.Close('}');
  WriteBody(parts.headers, body, "", out);
}

// ---- the response

// A place in the answer, short and harmless.
std::string At(std::string_view field, std::string_view name) {
  constexpr size_t kShown = 64;
  std::string out(field);
  out += "[\"";
  AppendJsonEscaped(name.substr(0, kShown), &out);
  return out.append("\"]");
}

class Reader {
 public:
  Reader(LambdaPayload payload, LambdaResponse* out) : payload_(payload), out_(*out) {}

  void Read(std::string_view json) {
    InlineArena<4096> arena;
    Value value;
    JsonError mistake;
    // Values take some times what the text does.
    constexpr size_t kMemory = 48 << 20;
    if (!ReadJson(json, &arena, &value, &mistake, kMemory)) {
      return Fail("the answer is no JSON: byte " + std::to_string(mistake.offset) + ": " + mistake.message);
    }
    const Value* status = value.is_object() ? FindMember(value, "statusCode") : nullptr;
    if (status == nullptr && payload_ == LambdaPayload::kApiGatewayV2) return Infer(value, json);
    if (!value.is_object()) return Fail(std::string("the answer must be an object, not ") + TypeName(value));
    if (status == nullptr) return Fail("\"statusCode\" is missing");
    if (!ReadStatus(*status) || !ReadHeaders(value) || !ReadCookies(value) || !ReadBody(value)) return;
    const auto is_type = [](const auto& header) { return header.first == "content-type"; };
    if (std::none_of(out_.headers.begin(), out_.headers.end(), is_type)) AddType(DefaultType());
  }

 private:
  void Fail(std::string error) { out_.error = std::move(error); }
  bool Fails(std::string error) {
    Fail(std::move(error));
    return false;
  }
  void AddType(std::string_view type) { out_.headers.emplace_back("content-type", std::string(type)); }

  std::string_view DefaultType() const {
    switch (payload_) {
      case LambdaPayload::kApiGatewayV1:
        return "application/json";
      case LambdaPayload::kApiGatewayV2:
        return "text/plain;charset=UTF-8";
      default:
        return "application/octet-stream";
    }
  }

  // Format 2.0 takes an answer without a status for the body.
  void Infer(const Value& value, std::string_view json) {
    AddType("application/json");
    out_.body = value.is_string() ? value.view() : json;
  }

  bool ReadStatus(const Value& value) {
    const bool text = value.is_string() || value.type == Type::kNumber;
    int status = 0;
    if (text) {
      const std::string_view digits = value.view();
      const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
      if (failed != std::errc() || end != digits.data() + digits.size()) status = 0;
    }
    if (status < 200 || status > 599) return Fails("\"statusCode\" must be a number from 200 to 599");
    out_.status = status;
    return true;
  }

  bool AddHeader(std::string_view field, std::string_view written, const Value& value) {
    std::string name(written);
    std::transform(name.begin(), name.end(), name.begin(), ToLower);
    if (!IsHeaderName(name)) return Fails(At(field, written) + " is no name of a header");
    std::string text;
    if (value.is_array() || value.is_object() || !AppendText(value, kMostLambdaBytes, &text)) {
      return Fails(At(field, written) + " must be a text, not " + TypeName(value));
    }
    if (!IsHeaderValue(text)) return Fails(At(field, written) + " contains a control character");
    if (IsOfHop(name)) return true;
    std::pair<std::string, std::string> header(std::move(name), std::move(text));
    // What is in both forms counts once.
    if (field == "headers" && std::find(out_.headers.begin(), out_.headers.end(), header) != out_.headers.end()) {
      return true;
    }
    out_.headers.push_back(std::move(header));
    return true;
  }

  bool ReadHeaders(const Value& answer) {
    for (const std::string_view field : {"multiValueHeaders", "headers"}) {
      const Value* headers = FindMember(answer, field);
      if (headers == nullptr || headers->type == Type::kNull) continue;
      if (field == "multiValueHeaders" && payload_ == LambdaPayload::kApiGatewayV2) continue;
      if (!headers->is_object()) {
        return Fails("\"" + std::string(field) + "\" must be an object, not " + TypeName(*headers));
      }
      for (uint32_t i = 0; i < headers->size; ++i) {
        const Member& header = headers->members[i];
        if (field == "headers") {
          if (!AddHeader(field, header.key, header.value)) return false;
          continue;
        }
        if (!header.value.is_array()) {
          return Fails(At(field, header.key) + " must be a list, not " + TypeName(header.value));
        }
        for (uint32_t j = 0; j < header.value.size; ++j) {
          if (!AddHeader(field, header.key, header.value.items[j])) return false;
        }
      }
    }
    return true;
  }

  bool ReadCookies(const Value& answer) {
    if (payload_ != LambdaPayload::kApiGatewayV2) return true;
    const Value* cookies = FindMember(answer, "cookies");
    if (cookies == nullptr || cookies->type == Type::kNull) return true;
    if (!cookies->is_array()) return Fails(std::string("\"cookies\" must be a list, not ") + TypeName(*cookies));
    for (uint32_t i = 0; i < cookies->size; ++i) {
      const Value& cookie = cookies->items[i];
      if (!cookie.is_string() || !IsHeaderValue(cookie.view())) {
        return Fails("cookies[" + std::to_string(i) + "] must be a text without control characters");
      }
      out_.headers.emplace_back("set-cookie", std::string(cookie.view()));
    }
    return true;
  }

  bool ReadBody(const Value& answer) {
    const Value* encoded = FindMember(answer, "isBase64Encoded");
    if (encoded != nullptr && encoded->type != Type::kBool && encoded->type != Type::kNull) {
      return Fails(std::string("\"isBase64Encoded\" must be true or false, not ") + TypeName(*encoded));
    }
    const Value* body = FindMember(answer, "body");
    if (body == nullptr || body->type == Type::kNull) return true;
    if (!body->is_string()) return Fails(std::string("\"body\" must be a text, not ") + TypeName(*body));
    if (encoded == nullptr || encoded->type != Type::kBool || !encoded->flag) {
      out_.body = body->view();
      return true;
    }
    if (AppendBase64Decoded(body->view(), /*url=*/false, &out_.body)) return true;
    return Fails("\"body\" is not base64, as \"isBase64Encoded\" says");
  }

  const LambdaPayload payload_;
  LambdaResponse& out_;
};

}  // namespace

std::string ToJson(const LambdaConfig& config) {
  Writer out;
  out.Open('{');
  out.Key("path").Text(config.path);
  out.Key("host").Text(config.host);
  out.Key("payload").Text(kLambdaPayloads[static_cast<size_t>(config.payload)]);
  if (config.async) out.Key("async").Literal("true");
  if (config.max_body_bytes != kMostLambdaBytes)
    out.Key("max_body_bytes").Literal(std::to_string(config.max_body_bytes));
  out.Close('}');
  return out.Take();
}

bool FromJson(std::string_view json, LambdaConfig* config, std::string* error) {
  Arena arena;
  Value value;
  JsonError mistake;
  if (!ReadJson(json, &arena, &value, &mistake)) {
    *error = "byte " + std::to_string(mistake.offset) + ": " + mistake.message;
    return false;
  }
  const auto fails = [&](std::string_view what) {
    *error = what;
    return false;
  };
  if (!value.is_object()) return fails("must be an object");
  for (uint32_t i = 0; i < value.size; ++i) {
    const auto& [key, field] = value.members[i];
    if (key == "path" && field.is_string() && field.view().starts_with('/')) {
      config->path = field.view();
    } else if (key == "host" && field.is_string()) {
      config->host = field.view();
    } else if (key == "payload" && field.is_string()) {
      const auto* const found = std::find(std::begin(kLambdaPayloads), std::end(kLambdaPayloads), field.view());
      if (found == std::end(kLambdaPayloads)) return fails("\"payload\" is not known");
      config->payload = static_cast<LambdaPayload>(found - std::begin(kLambdaPayloads));
    } else if (key == "async" && field.type == Type::kBool) {
      config->async = field.flag;
    } else if (key == "max_body_bytes" && field.is_number() && ToNumeric(field).is_int &&
               ToNumeric(field).integer >= 0) {
      config->max_body_bytes = static_cast<size_t>(ToNumeric(field).integer);
    } else {
      const bool known = std::find(std::begin(kFields), std::end(kFields), key) != std::end(kFields);
      return fails(At("field ", key) + (known ? " is of a wrong type" : " is not known"));
    }
  }
  if (config->path.empty() || config->host.empty()) return fails("there must be a path and a host");
  return true;
}

bool StaysInInvoke(std::string_view name) {
  constexpr std::string_view kNames[] = {"b3",         "content-length", "referer",         "traceparent",
                                         "tracestate", "user-agent",     "x-amzn-trace-id", "x-request-id"};
  constexpr std::string_view kPrefixes[] = {":", "x-b3-", "x-envoy-", "x-forwarded-"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         std::any_of(std::begin(kPrefixes), std::end(kPrefixes), [&](auto prefix) { return name.starts_with(prefix); });
}

std::string MakeLambdaEvent(LambdaPayload payload, const LambdaRequest& request, std::string_view body) {
  Parts parts;
  const size_t question = std::min(request.path.find('?'), request.path.size());
  parts.path = request.path.substr(0, question);
  parts.query = request.path.substr(std::min(question + 1, request.path.size()));
  parts.headers = HeadersOf(request);
  Writer out;
  out.out().reserve(body.size() + 2048);
  out.Open('{');
  if (payload == LambdaPayload::kAlb) {
    WriteAlb(request, parts, body, out);
  } else if (payload == LambdaPayload::kApiGatewayV1) {
    WriteV1(request, parts, body, out);
  } else {
    WriteV2(request, std::move(parts), body, out);
  }
  out.Close('}');
  return out.Take();
}

LambdaResponse ReadLambdaResponse(LambdaPayload payload, std::string_view json) {
  LambdaResponse response;
  Reader(payload, &response).Read(json);
  return response;
}

}  // namespace gloo::tmpl
