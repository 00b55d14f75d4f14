#include "plugins/grpc/grpc.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "descriptors/testing/compile.h"
#include "google/api/annotations.pb.h"
#include "plugins/grpc/service.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kProto[] = R"(
syntax = "proto3";
package shop;
import "google/api/annotations.proto";
message Book { int64 id = 1; string title = 2; }
message Unused { Book book = 1; }
service Books {
  rpc Get(Book) returns (Book) { option (google.api.http) = {get: "/v1/books/{id}" additional_bindings {get: "/b/{id}"}}; }
  rpc Add(Book) returns (Book) { option (google.api.http) = {post: "/v1/books" body: "*"}; }
  rpc Watch(Book) returns (stream Book);
}
service Shelves { rpc Get(Book) returns (Book); }
)";

class GrpcTest : public ::testing::Test {
 protected:
  GrpcTest() : object_(std::make_unique<model::Object>()) {
    AddGrpc(registry_);
    properties_.set_descriptors(descriptors::CompileProtos({{"shop.proto", kProto}}));
  }

  const translator::FunctionPlugin& plugin() const { return *registry_.function("grpc"); }

  // All issues, of the service and its functions; the texts of their path and reason, or all of it.
  std::vector<std::string> Read(bool whole = false) {
    v1::Upstream upstream = upstream_;
    upstream.mutable_spec()->mutable_service_info()->set_type("gRPC");
    upstream.mutable_spec()->mutable_service_info()->mutable_properties()->PackFrom(properties_);
    object_ = std::make_unique<model::Object>();
    object_->body = model::Body(upstream);
    Issues issues;
    {
      IssuePath path(issues, "spec");
      ready_ = plugin().ReadService(*object_, inputs_, &service_, issues);
    }
    for (const v1::Function& function : object_->upstream().functions()) {
      IssuePath path(issues, function.name());
      if (ready_) plugin().Check({*object_, &function, function.name(), service_.get()}, issues);
    }
    std::vector<std::string> out;
    for (const Issue& issue : issues.items()) out.push_back(whole ? ToString(issue) : issue.path + " " + issue.reason);
    return out;
  }

  void AddFunction(const std::string& name, const std::string& text = "") {
    GrpcFunction spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    v1::Function* function = upstream_.mutable_spec()->add_functions();
    function->set_name(name);
    function->mutable_spec()->PackFrom(spec);
  }

  static v1::Route RouteOf(const std::string& text) {
    v1::Route route;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &route)) << text;
    return route;
  }

  // "VERB path -> method", of what the route's transcoder takes.
  std::vector<std::string> Rules() {
    Transcoder transcoder;
    EXPECT_TRUE(filters_["envoy.filters.http.grpc_json_transcoder"].UnpackTo(&transcoder));
    EXPECT_TRUE(filters_.contains("envoy.filters.http.grpc_web"));
    google::protobuf::FileDescriptorSet set;
    EXPECT_TRUE(set.ParseFromString(transcoder.proto_descriptor_bin()));
    std::vector<std::string> rules;
    for (const auto& file : set.file()) {
      for (const auto& service : file.service()) {
        for (const auto& method : service.method()) {
          for (const auto& binding : descriptors::BindingsOf(method.options().GetExtension(google::api::http))) {
            rules.push_back(binding.verb + " " + binding.path + " -> " + service.name() + "." + method.name());
          }
        }
      }
    }
    return rules;
  }

  std::vector<std::string> Call(size_t function, const v1::Route& route) {
    const v1::Function& called = object_->upstream().functions(static_cast<int>(function));
    Issues issues;
    out_.Clear();
    filters_.clear();
    plugin().Call({*object_, &called, called.name(), service_.get()}, route, &out_, &filters_, issues);
    EXPECT_TRUE(issues.empty());
    return Rules();
  }

  std::vector<std::string> CallUpstream(const std::string& route) {
    Issues issues;
    out_.Clear();
    filters_.clear();
    plugin().CallUpstream(*object_, service_.get(), RouteOf(route), &out_, &filters_, issues);
    EXPECT_TRUE(issues.empty());
    return Rules();
  }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  v1::Upstream upstream_;
  GrpcProperties properties_;
  std::unique_ptr<model::Object> object_;
  std::shared_ptr<translator::Service> service_;
  bool ready_ = false;
  envoy::config::route::v3::Route out_;
  translator::FilterConfigs filters_;
};

TEST_F(GrpcTest, AFunctionIsAMethodByAnyOfItsNames) {
  AddFunction("Add");
  AddFunction("Shelves.Get");
  AddFunction("shop.Books.Get");
  AddFunction("a", "service: 'shop.Books' method: 'Watch'");
  AddFunction("b", "service: 'Books' method: 'Get' http {get: '/find/{id}/{title}'} http {put: '/b' body: '*'}");
  AddFunction("c", "method: '/shop.Books/Get'");
  EXPECT_THAT(Read(), IsEmpty());
  const v1::Route route = RouteOf("single_destination {}");
  EXPECT_THAT(Call(0, route), ElementsAre("POST /v1/books -> Books.Add", "POST /** -> Books.Add"));
  EXPECT_EQ(out_.route().regex_rewrite().substitution(), "/shop.Books/Add");
  EXPECT_FALSE(out_.route().has_timeout());
  EXPECT_THAT(Call(1, route), ElementsAre("POST /** -> Shelves.Get"));
  EXPECT_THAT(Call(2, route),
              ElementsAre("GET /v1/books/{id} -> Books.Get", "GET /b/{id} -> Books.Get", "POST /** -> Books.Get"));
  EXPECT_THAT(Call(3, route), ElementsAre("POST /** -> Books.Watch"));
  EXPECT_TRUE(out_.route().has_timeout()) << "a stream may last";
  EXPECT_THAT(Call(4, route),
              ElementsAre("GET /find/{id}/{title} -> Books.Get", "PUT /b -> Books.Get",
                          "GET /v1/books/{id} -> Books.Get", "GET /b/{id} -> Books.Get", "POST /** -> Books.Get"));
  Call(5, RouteOf("multiple_destinations {}"));
  EXPECT_FALSE(out_.route().has_regex_rewrite()) << "the other destinations have methods of their own";
}

TEST_F(GrpcTest, TheWholeServiceIsCalledByItsOwnPathsBelowThePrefixOfTheRoute) {
  properties_.add_service_names("shop.Books");
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_THAT(CallUpstream("request_matcher {path_prefix: '/'}"),
              UnorderedElementsAre("GET /v1/books/{id} -> Books.Get", "GET /b/{id} -> Books.Get",
                                   "POST /shop.Books/Get -> Books.Get", "POST /v1/books -> Books.Add",
                                   "POST /shop.Books/Add -> Books.Add", "POST /shop.Books/Watch -> Books.Watch"));
  EXPECT_FALSE(out_.route().has_regex_rewrite());
  EXPECT_THAT(CallUpstream("request_matcher {path_prefix: '/a.b/'} prefix_rewrite: '/v1/'"),
              UnorderedElementsAre("GET /a.b/books/{id} -> Books.Get", "POST /a.b/books -> Books.Add"));
  EXPECT_EQ(out_.route().regex_rewrite().pattern().regex(), R"(^\/a\.b(/|$))");
  EXPECT_EQ(out_.route().regex_rewrite().substitution(), "/v1/");
  EXPECT_THAT(CallUpstream("request_matcher {path_exact: '/new'} prefix_rewrite: '/v1/books'"),
              UnorderedElementsAre("GET /new/{id} -> Books.Get", "POST /new -> Books.Add"));
}

TEST_F(GrpcTest, AFunctionNeedsAMethod) {
  AddFunction("Gett");
  AddFunction("Get");
  AddFunction("Nobody.Get");
  AddFunction("a", "service: 'shop.Books' method: 'Shelf'");
  AddFunction("b", "service: 'Bookz' method: 'Get'");
  EXPECT_THAT(Read(), ElementsAre("Gett UnknownMethod", "Get AmbiguousMethod", "Nobody.Get UnknownService",
                                  "a.method UnknownMethod", "b.service UnknownService"));
  EXPECT_EQ(
      Read(true)[0],
      "error: Gett: there is no method \"Gett\"; did you mean \"Get\"?; there are Get, Add, Watch (UnknownMethod)");
}

TEST_F(GrpcTest, RulesOfAFunctionAreChecked) {
  AddFunction("Books.Get",
              "http {get: '/x/{idd}'} http {get: 'x'} http {body: '*'} http {post: '/x' body: 'nothing'} "
              "http {get: '/b/{id}'} http {get: '/b/{title}'} http {get: '/y' response_body: 'z'}");
  EXPECT_THAT(Read(), ElementsAre("Books.Get.http[0] BadHttpRule", "Books.Get.http[1] BadHttpRule",
                                  "Books.Get.http[2] Required", "Books.Get.http[3] BadHttpRule",
                                  "Books.Get.http[5] DuplicateHttpRule", "Books.Get.http[6] BadHttpRule"));
}

TEST_F(GrpcTest, AServiceNeedsGoodDescriptors) {
  const std::string at = "spec.serviceInfo.properties";
  properties_.set_max_response_bytes((16 << 20) + 1);
  EXPECT_THAT(Read(), ElementsAre(at + ".maxResponseBytes TooLarge"));
  properties_.clear_max_response_bytes();
  properties_.add_service_names("shop.Boks");
  properties_.add_any_types("shop.None");
  EXPECT_THAT(Read(), ElementsAre(at + ".serviceNames[0] UnknownService"));
  properties_.clear_service_names();
  EXPECT_THAT(Read(), ElementsAre(at + ".anyTypes[0] UnknownMessage"));
  properties_.clear_any_types();
  properties_.set_descriptors_file_ref("file");
  EXPECT_THAT(Read(), ElementsAre(at + ".descriptorsFileRef Contradiction"));
  properties_.Clear();
  EXPECT_THAT(Read(), ElementsAre(at + " NoDescriptors"));
  properties_.set_descriptors(kProto);
  EXPECT_THAT(Read(), ElementsAre(at + ".descriptors BadDescriptors"));
  properties_.set_descriptors(descriptors::CompileProtos({{"a.proto", "syntax = 'proto3'; message A {}"}}));
  EXPECT_THAT(Read(), ElementsAre(at + " NoService"));
  EXPECT_FALSE(ready_);
}

TEST_F(GrpcTest, WrongRulesOfTheDescriptorsAreLeftOut) {
  properties_.set_descriptors(descriptors::CompileProtos({{"a.proto", R"(
    syntax = "proto3"; import "google/api/annotations.proto"; message A { string x = 1; }
    service S { rpc M(A) returns (A) { option (google.api.http) = {get: "/a/{x}"}; }
                rpc N(A) returns (A) { option (google.api.http) = {get: "/a/*"}; }
                rpc O(A) returns (A) { option (google.api.http) = {get: "/o/{y}"}; } })"}}));
  AddFunction("O");
  AddFunction("N");
  const std::string at = "warning: spec.serviceInfo.properties.descriptors: ";
  EXPECT_THAT(
      Read(true),
      ElementsAre(at + "GET /a/* calls S.M, so it does not call S.N; change google.api.http, or leave one of the "
                       "services out with serviceNames (DuplicateHttpRule)",
                  at + "google.api.http of method \"S.O\": path \"/o/{y}\": message \"A\" has no field \"y\"; it "
                       "is left out (BadHttpRule)"));
  EXPECT_TRUE(ready_);
  EXPECT_THAT(Call(0, RouteOf("single_destination {}")), ElementsAre("POST /** -> S.O"));
  EXPECT_THAT(Call(1, RouteOf("single_destination {}")), ElementsAre("GET /a/* -> S.N", "POST /** -> S.N"));
  EXPECT_THAT(CallUpstream("request_matcher {path_prefix: '/'}"),
              UnorderedElementsAre("GET /a/{x} -> S.M", "POST /S/M -> S.M", "POST /S/N -> S.N", "POST /S/O -> S.O"));
}

TEST_F(GrpcTest, AServiceThatDidNotChangeIsNotReadAgain) {
  properties_.set_descriptors(descriptors::CompileProtos({{"a.proto", R"(
    syntax = "proto3"; import "google/api/annotations.proto"; message A { string x = 1; }
    service S { rpc O(A) returns (A) { option (google.api.http) = {get: "/o/{y}"}; } })"}}));
  const std::vector<std::string> said = Read();
  EXPECT_THAT(said, ElementsAre("spec.serviceInfo.properties.descriptors BadHttpRule"));
  const translator::Service* first = service_.get();
  EXPECT_EQ(Read(), said);
  EXPECT_EQ(service_.get(), first);
  properties_.mutable_print_options()->set_add_whitespace(true);
  EXPECT_EQ(Read(), said);
  EXPECT_NE(service_.get(), first);
}

TEST_F(GrpcTest, DescriptorsMayBeAnArtifact) {
  const std::string at = "spec.serviceInfo.properties.descriptorsFileRef";
  const std::string bytes = properties_.descriptors();
  properties_.clear_descriptors();
  properties_.set_descriptors_file_ref("protos");
  EXPECT_THAT(Read(), ElementsAre(at + " ArtifactNotFound"));
  EXPECT_FALSE(ready_);
  auto artifact = std::make_shared<model::NamedData>();
  artifact->data = {{"shop.pb", bytes}};
  inputs_.artifact = artifact;
  EXPECT_THAT(Read(), IsEmpty());
  auto more = std::make_shared<model::NamedData>(*artifact);
  more->data["other.pb"] = "";
  inputs_.artifact = more;
  EXPECT_THAT(Read(), ElementsAre(at + " ArtifactKeyNotFound"));
  auto damaged = std::make_shared<model::NamedData>();
  damaged->data = {{"shop.pb", "damaged"}};
  inputs_.artifact = damaged;
  EXPECT_THAT(Read(), ElementsAre(at + " BadDescriptors"));
  EXPECT_FALSE(ready_);
}

}  // namespace
}  // namespace gloo::plugins
