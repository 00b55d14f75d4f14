// From what the user wrote to the configuration of the transformation filter, with the way back for errors.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/issues.h"
#include "src/plugins/rest.pb.h"
#include "template/transformation.h"

namespace gloo::plugins {

// A path of a part of the configuration, and whose it is.
struct Place {
  enum class Owner { kFunction, kRoute };
  Owner owner = Owner::kFunction;
  // Relative to the function's spec, or to the route's extensions.
  std::string path;
};

class TransformationBuilder {
 public:
  // `function` may be null: a route to a plain upstream. Mistakes that need no compiler go to `issues`, for the places
  // of `speaker` alone; the current path is the function's spec or the route's extensions.
  TransformationBuilder(const RestFunction* function, const RestExtensions* route, Place::Owner speaker,
                        Issues& issues);

  const tmpl::TransformationConfig& config() const { return config_; }
  bool empty() const { return !config_.request && !config_.response; }

  // Compiles the templates; mistakes of `speaker`'s places go to `issues`. Null where there are any.
  std::unique_ptr<tmpl::Transformation> Compile(Issues& issues) const;

 private:
  void BuildRequest(const RestFunction& function, const RestExtensions* route, Issues& issues);
  void BuildResponse(const RestFunction* function, const RestExtensions* route, Issues& issues);
  void TakeOnError(const std::string& written, const Place& place, Issues& issues);
  void TakeAppends(const google::protobuf::Map<std::string, std::string>& written, const Place& place,
                   std::vector<std::pair<std::string, std::string>>* out, Issues& issues) const;
  void AddExtractors(const RestParameters& parameters, const Place& place, std::vector<tmpl::Extractor>* extractors,
                     std::vector<Place>* places, Issues& issues);
  void AddFound(const google::protobuf::RepeatedPtrField<RestExtractor>& written, const Place& place,
                std::vector<tmpl::Extractor>* extractors, std::vector<Place>* places, Issues& issues);
  void AddExtractor(tmpl::Extractor extractor, Place place, std::vector<tmpl::Extractor>* extractors,
                    std::vector<Place>* places);
  void Error(const Place& place, std::string_view reason, std::string message, Issues& issues) const;
  void Warning(const Place& place, std::string_view reason, std::string message, Issues& issues) const;
  Place PlaceOf(std::string_view field) const;

  Place::Owner speaker_;
  tmpl::TransformationConfig config_;
  std::vector<Place> request_extractors_;
  std::vector<Place> response_extractors_;
  // Where path and method stand: among the headers, or by themselves.
  std::string path_place_ = "path";
  std::string method_place_ = "method";
  Place response_place_;
};

}  // namespace gloo::plugins
