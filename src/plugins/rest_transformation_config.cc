#include "plugins/rest_transformation_config.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "plugins/rest_input.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using translator::Cat;
using translator::JsonQuote;
using translator::Lower;
using Texts = google::protobuf::Map<std::string, std::string>;

std::map<std::string, std::string> Sorted(const Texts& texts) { return {texts.begin(), texts.end()}; }

std::string Keyed(std::string_view path, std::string_view key) { return Cat(path, "[", JsonQuote(key), "]"); }

}  // namespace

TransformationBuilder::TransformationBuilder(const RestFunction* function, const RestExtensions* route,
                                             Place::Owner speaker, Issues& issues)
    : speaker_(speaker) {
  if (function != nullptr) {
    BuildRequest(*function, route, issues);
    if (function->max_body_bytes() > 0) config_.max_body_bytes = function->max_body_bytes();
    if (function->has_escape_json()) config_.escape_json = function->escape_json();
  }
  BuildResponse(function, route, issues);
  if (function != nullptr) TakeOnError(function->on_error(), {Place::Owner::kFunction, "onError"}, issues);
  if (route != nullptr) TakeOnError(route->on_error(), {Place::Owner::kRoute, "onError"}, issues);
  if (config_.on_error == tmpl::OnError::kPass && config_.request && config_.request->input_schema) {
    Error({Place::Owner::kRoute, "validateInput"}, "Contradiction",
          "`onError: pass` would let pass what the check refuses; use `fail` or `default`", issues);
  }
}

void TransformationBuilder::TakeOnError(const std::string& written, const Place& place, Issues& issues) {
  constexpr std::string_view kNames[] = {"fail", "pass", "default"};
  if (written.empty()) return;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] != written) continue;
    config_.on_error = static_cast<tmpl::OnError>(i);
    return;
  }
  Error(place, "BadOnError", Cat(JsonQuote(written), " must be `fail`, `pass` or `default`"), issues);
}

// Names are those of headers that may be changed.
void TransformationBuilder::TakeAppends(const Texts& written, const Place& place,
                                        std::vector<std::pair<std::string, std::string>>* out, Issues& issues) const {
  for (const auto& [name, text] : Sorted(written)) {
    Issues found;
    std::string lower = translator::HeaderName(name, translator::HeaderUse::kChange, "", found);
    for (const Issue& issue : found.items()) {
      Error({place.owner, Keyed(place.path, name)}, issue.reason, issue.message, issues);
    }
    if (!lower.empty()) out->emplace_back(std::move(lower), text);
  }
}

void TransformationBuilder::Error(const Place& place, std::string_view reason, std::string message,
                                  Issues& issues) const {
  if (place.owner == speaker_) issues.Error(place.path, reason, std::move(message));
}

void TransformationBuilder::Warning(const Place& place, std::string_view reason, std::string message,
                                    Issues& issues) const {
  if (place.owner == speaker_) issues.Warning(place.path, reason, std::move(message));
}

void TransformationBuilder::BuildRequest(const RestFunction& function, const RestExtensions* route, Issues& issues) {
  constexpr auto kMine = Place::Owner::kFunction;
  tmpl::MessageTemplates request;
  if (function.parameters().ByteSizeLong() > 0) {
    AddExtractors(function.parameters(), {kMine, "parameters"}, &request.extractors, &request_extractors_, issues);
  }
  if (route != nullptr && route->has_parameters()) {
    AddExtractors(route->parameters(), {Place::Owner::kRoute, "parameters"}, &request.extractors, &request_extractors_,
                  issues);
  }
  if (!function.path().empty()) request.path = function.path();
  if (!function.method().empty()) request.method = function.method();
  for (const auto& [written, text] : Sorted(function.headers())) {
    std::string place = Keyed("headers", written);
    std::string name = Lower(written);
    if (name == ":path" || name == ":method") {
      auto& target = name == ":path" ? request.path : request.method;
      if (target) {
        Error({kMine, place}, "Contradiction", Cat("there is ", name.substr(1), " too; write one of them"), issues);
      }
      target = text;
      (name == ":path" ? path_place_ : method_place_) = place;
      continue;
    }
    if (name == ":authority" || name == "host") {
      request.headers.emplace_back(":authority", text);
      continue;
    }
    Issues found;
    name = translator::HeaderName(written, translator::HeaderUse::kChange, "", found);
    for (const Issue& issue : found.items()) Error({kMine, place}, issue.reason, issue.message, issues);
    if (!name.empty()) request.headers.emplace_back(name, text);
  }
  TakeAppends(function.append_headers(), {kMine, "appendHeaders"}, &request.append_headers, issues);
  for (const auto& [name, text] : Sorted(function.metadata())) request.metadata.emplace_back(name, text);
  for (const auto& [name, text] : Sorted(function.query())) {
    if (name.empty()) {
      Error({kMine, "query"}, "BadQueryParameter", "a query parameter's name must not be empty", issues);
    }
    request.query.emplace_back(name, text);
  }
  for (int i = 0; i < function.remove_headers_size(); ++i) {
    Issues found;
    std::string name = translator::HeaderName(function.remove_headers(i), translator::HeaderUse::kChange, "", found);
    for (const Issue& issue : found.items()) {
      Error({kMine, Cat("removeHeaders[", i, "]")}, issue.reason, issue.message, issues);
    }
    if (!name.empty()) request.remove_headers.push_back(std::move(name));
  }
  if (function.has_body()) {
    if (function.passthrough_body()) {
      Error({kMine, "passthroughBody"}, "Contradiction", "there is a body too; write one of them", issues);
    }
    if (function.merge_parameters_to_body()) {
      Error({kMine, "mergeParametersToBody"}, "Contradiction", "there is a body too; write one of them", issues);
    }
    request.body = function.body();
  }
  request.merge_extractors_to_body = function.merge_parameters_to_body();
  if (route != nullptr && route->validate_input()) {
    if (function.has_input()) {
      request.input_schema = ToJson(function.input());
    } else {
      Warning({Place::Owner::kRoute, "validateInput"}, "NoEffect", "has no effect: the function has no `input`",
              issues);
    }
  }
  // Extractors alone change nothing.
  tmpl::MessageTemplates idle;
  idle.extractors = request.extractors;
  if (!(request == idle)) config_.request = std::move(request);
}

void TransformationBuilder::BuildResponse(const RestFunction* function, const RestExtensions* route, Issues& issues) {
  const RestMessageTemplate* written = nullptr;
  if (route != nullptr && route->has_response_template()) {
    written = &route->response_template();
    response_place_ = {Place::Owner::kRoute, "responseTemplate"};
  } else if (function != nullptr && function->has_response()) {
    written = &function->response();
    response_place_ = {Place::Owner::kFunction, "response"};
  }
  if (written == nullptr) {
    if (route != nullptr && route->has_response_parameters()) {
      Error({Place::Owner::kRoute, "responseParameters"}, "NoResponseTemplate",
            "has no effect without a responseTemplate", issues);
    }
    return;
  }
  tmpl::MessageTemplates response;
  if (route != nullptr) {
    for (const auto& [name, pattern] : Sorted(route->response_parameters().headers())) {
      Place place{Place::Owner::kRoute, Keyed("responseParameters.headers", name)};
      AddExtractor({tmpl::Extractor::From::kHeader, Lower(name), pattern}, std::move(place), &response.extractors,
                   &response_extractors_);
    }
    AddFound(route->response_parameters().extract(), {Place::Owner::kRoute, "responseParameters.extract"},
             &response.extractors, &response_extractors_, issues);
  }
  for (const auto& [name, text] : Sorted(written->headers())) {
    std::string lower = Lower(name);
    if (lower != ":status") {
      Issues found;
      lower = translator::HeaderName(name, translator::HeaderUse::kChange, "", found);
      for (const Issue& issue : found.items()) {
        Error({response_place_.owner, Cat(response_place_.path, ".", Keyed("headers", name))}, issue.reason,
              issue.message, issues);
      }
    }
    if (!lower.empty()) response.headers.emplace_back(lower, text);
  }
  TakeAppends(written->append_headers(), {response_place_.owner, Cat(response_place_.path, ".appendHeaders")},
              &response.append_headers, issues);
  for (const auto& [name, text] : Sorted(written->metadata())) response.metadata.emplace_back(name, text);
  for (int i = 0; i < written->remove_headers_size(); ++i) {
    Issues found;
    std::string name = translator::HeaderName(written->remove_headers(i), translator::HeaderUse::kChange, "", found);
    for (const Issue& issue : found.items()) {
      Error({response_place_.owner, Cat(response_place_.path, ".removeHeaders[", i, "]")}, issue.reason, issue.message,
            issues);
    }
    if (!name.empty()) response.remove_headers.push_back(std::move(name));
  }
  if (written->has_body()) response.body = written->body();
  config_.response = std::move(response);
}

void TransformationBuilder::AddExtractors(const RestParameters& parameters, const Place& place,
                                          std::vector<tmpl::Extractor>* extractors, std::vector<Place>* places,
                                          Issues& issues) {
  using From = tmpl::Extractor::From;
  bool path_among_headers = false;
  bool authority_among_headers = false;
  for (const auto& [written, pattern] : Sorted(parameters.headers())) {
    Place at{place.owner, Cat(place.path, ".", Keyed("headers", written))};
    std::string name = Lower(written);
    if (name == ":path") {
      path_among_headers = true;
      AddExtractor({From::kPath, "", pattern}, std::move(at), extractors, places);
    } else if (name == ":authority" || name == "host") {
      authority_among_headers = true;
      AddExtractor({From::kAuthority, "", pattern}, std::move(at), extractors, places);
    } else {
      Issues found;
      name = translator::HeaderName(written, translator::HeaderUse::kMatch, "", found);
      for (const Issue& issue : found.items()) Error(at, issue.reason, issue.message, issues);
      if (name.empty()) continue;
      AddExtractor({From::kHeader, name, pattern}, std::move(at), extractors, places);
    }
  }
  if (!parameters.path().empty()) {
    Place at{place.owner, Cat(place.path, ".path")};
    if (path_among_headers) Error(at, "Contradiction", "\":path\" is among the headers; write one of them", issues);
    AddExtractor({From::kPath, "", parameters.path()}, std::move(at), extractors, places);
  }
  if (!parameters.authority().empty()) {
    Place at{place.owner, Cat(place.path, ".authority")};
    if (authority_among_headers) {
      Error(at, "Contradiction", "the authority is among the headers; write one of them", issues);
    }
    AddExtractor({From::kAuthority, "", parameters.authority()}, std::move(at), extractors, places);
  }
  AddFound(parameters.extract(), {place.owner, Cat(place.path, ".extract")}, extractors, places, issues);
  for (const auto& [name, pattern] : Sorted(parameters.query())) {
    AddExtractor({From::kQuery, name, pattern}, {place.owner, Cat(place.path, ".", Keyed("query", name))}, extractors,
                 places);
  }
}

// Each is one more, also where others take parameters from the same place.
void TransformationBuilder::AddFound(const google::protobuf::RepeatedPtrField<RestExtractor>& written,
                                     const Place& place, std::vector<tmpl::Extractor>* extractors,
                                     std::vector<Place>* places, Issues& issues) {
  using From = tmpl::Extractor::From;
  for (int i = 0; i < written.size(); ++i) {
    const RestExtractor& one = written[i];
    const Place at{place.owner, Cat(place.path, "[", i, "]")};
    tmpl::Extractor extractor;
    extractor.regex = one.regex();
    extractor.name = one.name();
    bool wanted = true;
    switch (one.source_case()) {
      case RestExtractor::kHeader: {
        Issues found;
        extractor.from = From::kHeader;
        extractor.key = translator::HeaderName(one.header(), translator::HeaderUse::kMatch, "", found);
        for (const Issue& issue : found.items()) {
          Error({at.owner, Cat(at.path, ".header")}, issue.reason, issue.message, issues);
        }
        if (extractor.key.empty()) continue;
        break;
      }
      case RestExtractor::kQuery:
        extractor.from = From::kQuery;
        extractor.key = one.query();
        break;
      case RestExtractor::kPath:
        extractor.from = From::kPath;
        wanted = one.path();
        break;
      case RestExtractor::kAuthority:
        extractor.from = From::kAuthority;
        wanted = one.authority();
        break;
      case RestExtractor::kBody:
        extractor.from = From::kBody;
        wanted = one.body();
        break;
      case RestExtractor::kJsonPointer:
        extractor.from = From::kPointer;
        extractor.key = one.json_pointer();
        break;
      case RestExtractor::SOURCE_NOT_SET:
        wanted = false;
        break;
    }
    if (!wanted) {
      Error(at, "Required", "does not say where: write one of header, query, path, authority, body and jsonPointer",
            issues);
      continue;
    }
    extractors->push_back(std::move(extractor));
    places->push_back(at);
  }
}

void TransformationBuilder::AddExtractor(tmpl::Extractor extractor, Place place,
                                         std::vector<tmpl::Extractor>* extractors, std::vector<Place>* places) {
  for (size_t i = 0; i < extractors->size(); ++i) {
    // The route's word counts for a place that both take parameters from.
    const tmpl::Extractor& other = (*extractors)[i];
    const bool is_pattern = other.regex.empty() && other.name.empty();
    if (!is_pattern || other.from != extractor.from || other.key != extractor.key) continue;
    (*extractors)[i] = std::move(extractor);
    (*places)[i] = std::move(place);
    return;
  }
  extractors->push_back(std::move(extractor));
  places->push_back(std::move(place));
}

Place TransformationBuilder::PlaceOf(std::string_view field) const {
  bool request = field.substr(0, 8) == "request.";
  bool response = field.substr(0, 9) == "response.";
  std::string_view rest = field.substr(request ? 8 : response ? 9 : 0);
  constexpr std::string_view kExtractors = "extractors[";
  if (rest.substr(0, kExtractors.size()) == kExtractors) {
    const auto& places = request ? request_extractors_ : response_extractors_;
    size_t index = std::strtoul(std::string(rest.substr(kExtractors.size())).c_str(), nullptr, 10);
    if (index < places.size()) return places[index];
  }
  constexpr std::string_view kAppends = "append_headers[";
  std::string spelled(rest);
  if (rest.substr(0, kAppends.size()) == kAppends) spelled = Cat("appendHeaders[", rest.substr(kAppends.size()));
  if (response) return {response_place_.owner, Cat(response_place_.path, ".", spelled)};
  if (rest == "path") return {Place::Owner::kFunction, path_place_};
  if (rest == "method") return {Place::Owner::kFunction, method_place_};
  return {Place::Owner::kFunction, spelled};
}

std::unique_ptr<tmpl::Transformation> TransformationBuilder::Compile(Issues& issues) const {
  std::vector<tmpl::CompileError> errors;
  std::unique_ptr<tmpl::Transformation> transformation = tmpl::Transformation::Compile(config_, &errors);
  for (const tmpl::CompileError& error : errors) {
    // A function's schema is told of by the function itself.
    if (error.field != "request.input_schema") Error(PlaceOf(error.field), "BadTemplate", error.message, issues);
  }
  return transformation;
}

}  // namespace gloo::plugins
