#include "plugins/rest/presets.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "plugins/rest_call.h"
#include "src/plugins/rest/presets.pb.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using translator::Cat;
using translator::FunctionCall;
using translator::JsonQuote;

// Adds an error at `field` where the text is not one part of a path, or of a host.
void CheckPart(std::string_view text, std::string_view field, std::string_view others, Issues& issues) {
  const bool good = !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (good) return;
  std::string signs;
  for (const char sign : others) signs += Cat(signs.empty() ? "" : " ", std::string(1, sign));
  issues.Error(field, "BadName", Cat(JsonQuote(text), " cannot stand here: letters, digits and ", signs, " can"));
}

// A path or host of a part may follow DNS labels: a dot would begin another one.
constexpr std::string_view kLabel = "-";
constexpr std::string_view kName = "-_";
constexpr std::string_view kPath = "-_./~";

void SetMethod(bool keep, RestFunction* request) {
  if (!keep) request->set_method("POST");
}

// `Request(call, spec, issues)` gives the REST function.
template <typename Spec>
class Preset : public translator::FunctionPlugin {
 public:
  const google::protobuf::Descriptor* function_spec() const override { return Spec::descriptor(); }

  bool SetsPath(const FunctionCall& call) const override {
    Issues said;
    return WritesPath(Make(call, said));
  }
  void Check(const FunctionCall& call, Issues& issues) const override {
    const size_t before = issues.errors();
    const RestFunction request = Make(call, issues);
    if (issues.errors() == before) CheckRestFunction(request, issues);
  }
  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    Issues said;
    CallRestFunction(Make(call, said), call.name, /*call_key=*/"", route, out, filters, issues);
  }

 private:
  virtual RestFunction Request(const FunctionCall& call, const Spec& spec, Issues& issues) const = 0;

  RestFunction Make(const FunctionCall& call, Issues& issues) const {
    Spec spec;
    if (call.function == nullptr || (call.function->has_spec() && !call.function->spec().UnpackTo(&spec))) {
      issues.Error("", "BadSpec", Cat("is not of a function of type ", JsonQuote(this->type())));
      return {};
    }
    return Request(call, spec, issues);
  }
};

std::string Or(const std::string& written, std::string_view otherwise) {
  return written.empty() ? std::string(otherwise) : written;
}

class OpenFaas final : public Preset<OpenFaasFunction> {
 public:
  std::string_view type() const override { return "openfaas"; }

 private:
  RestFunction Request(const FunctionCall& call, const OpenFaasFunction& spec, Issues& issues) const override {
    std::string name = Or(spec.function_name(), call.name);
    CheckPart(name, "functionName", kName, issues);
    if (!spec.namespace_().empty()) {
      CheckPart(spec.namespace_(), "namespace", kLabel, issues);
      name = Cat(name, ".", spec.namespace_());
    }
    RestFunction request;
    request.set_path(PathWithQuery(Cat(spec.async() ? "/async-function/" : "/function/", name)));
    SetMethod(spec.keep_method(), &request);
    return request;
  }
};

class Fission final : public Preset<FissionFunction> {
 public:
  std::string_view type() const override { return "fission"; }

 private:
  RestFunction Request(const FunctionCall& call, const FissionFunction& spec, Issues& issues) const override {
    const std::string name = Or(spec.function_name(), call.name);
    CheckPart(name, "functionName", kName, issues);
    std::string path = "/fission-function/";
    // The router names those of the namespace `default` without it.
    if (!spec.namespace_().empty() && spec.namespace_() != "default") {
      CheckPart(spec.namespace_(), "namespace", kLabel, issues);
      path += Cat(spec.namespace_(), "/");
    }
    RestFunction request;
    request.set_path(PathWithQuery(Cat(path, name)));
    SetMethod(spec.keep_method(), &request);
    return request;
  }
};

class Fn final : public Preset<FnFunction> {
 public:
  std::string_view type() const override { return "fn"; }

 private:
  RestFunction Request(const FunctionCall& call, const FnFunction& spec, Issues& issues) const override {
    RestFunction request;
    if (!spec.function_id().empty()) {
      if (!spec.app_name().empty() || !spec.trigger().empty()) {
        issues.Error("functionId", "Contradiction", "there is a trigger too; write functionId, or appName and trigger");
      }
      CheckPart(spec.function_id(), "functionId", kName, issues);
      request.set_path(PathWithQuery(Cat("/invoke/", spec.function_id())));
      SetMethod(false, &request);
      return request;
    }
    if (spec.app_name().empty()) {
      issues.Error("appName", "Required", "names no app; write appName and trigger, or functionId");
      return request;
    }
    CheckPart(spec.app_name(), "appName", kName, issues);
    std::string trigger = Or(spec.trigger(), call.name);
    if (trigger.front() == '/') trigger.erase(0, 1);
    CheckPart(trigger, "trigger", kPath, issues);
    request.set_path(PathWithQuery(Cat(spec.legacy_route() ? "/r/" : "/t/", spec.app_name(), "/", trigger)));
    SetMethod(spec.keep_method(), &request);
    return request;
  }
};

class Knative final : public Preset<KnativeFunction> {
 public:
  std::string_view type() const override { return "knative"; }
  const google::protobuf::Descriptor* properties() const override { return KnativeService::descriptor(); }

 private:
  RestFunction Request(const FunctionCall& call, const KnativeFunction& spec, Issues& issues) const override {
    KnativeService service;
    call.upstream.upstream().service_info().properties().UnpackTo(&service);
    const std::string name = Or(spec.service_name(), call.name);
    const std::string ns = Or(spec.namespace_(), Or(service.namespace_(), "default"));
    CheckPart(name, "serviceName", kLabel, issues);
    CheckPart(ns, "namespace", kLabel, issues);
    std::string domain;
    std::string error;
    if (!translator::NormalizeDomain(service.domain(), &domain, &error) || domain.front() == '*') {
      issues.Error("", "BadDomain",
                   Cat("serviceInfo.properties.domain: ", JsonQuote(service.domain()),
                       " is no domain; write that of the services, such as \"example.com\""));
    }
    RestFunction request;
    (*request.mutable_headers())["host"] = Cat(name, ".", ns, ".", domain);
    if (!spec.path().empty()) {
      if (spec.path().front() != '/') issues.Error("path", "BadPath", "must start with \"/\"");
      CheckPart(spec.path(), "path", kPath, issues);
      request.set_path(PathWithQuery(spec.path()));
    }
    return request;
  }
};

}  // namespace

void AddPresets(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<OpenFaas>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<Fission>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<Fn>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<Knative>()));
}

}  // namespace gloo::plugins
