// The schema and the reference that are generated from the protos.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "model/comments.h"
#include "model/reader.h"
#include "model/reading_test.h"
#include "model/reference.h"
#include "model/test_schemas.h"
#include "model/writer.h"

namespace gloo::model {
namespace {

using ::testing::HasSubstr;

// Objects on one line each, as the schema is of JSON.
std::string Object(std::string_view kind, std::string_view rest) {
  return StrCat(R"({"apiVersion": "gloo.solo.io/v1", "kind": ")", kind, R"(", )", rest, "}");
}
std::string Upstream(std::string_view spec) {
  return Object("Upstream", StrCat(R"("metadata": {"name": "a"}, "spec": {)", spec, "}"));
}
std::string Route(std::string_view route) {
  return Object("VirtualService", StrCat(R"("metadata": {"name": "a"}, "spec": {"routes": [{)", route, "}]}"));
}
std::string AllTypes(std::string_view fields) {
  return Upstream(StrCat(R"("type": "everything", "spec": {)", fields, "}"));
}

std::vector<std::string> Samples() {
  const std::string hosts = R"("spec": {"hosts": [{"address": "h", "port": 80}]})";
  return {
      Upstream(StrCat(R"("type": "static", )", hosts)),
      Upstream(R"("type": "static")"),
      Upstream(R"("type": "static", "spec": {"hosts": []})"),
      Upstream(R"("type": "static", "spec": {"hosts": [{"address": "", "port": 80}]})"),
      Upstream(R"("type": "static", "spec": {"hosts": [{"address": "h", "port": "80"}]})"),
      Upstream(R"("type": "static", "spec": {"hosts": [{"address": "h", "port": -1}]})"),
      Upstream(R"("type": "static", "spec": {"hots": []})"),
      Upstream(R"("type": "kubernetes", "spec": {})"),
      Upstream(R"("spec": {})"),
      Upstream(StrCat(R"("type": "static", "connectionTimeout": "5s", )", hosts)),
      Upstream(StrCat(R"("type": "static", "connectionTimeout": 5, )", hosts)),
      Upstream(StrCat(R"("type": "static", "connectionTimeout": "5", )", hosts)),
      Upstream(StrCat(
          R"("type": "static", "serviceInfo": {"type": "REST"}, "functions": [{"name": "f", "spec": {"path": "/"}}], )",
          hosts)),
      Upstream(StrCat(R"("type": "static", "serviceInfo": {"type": "REST"}, )"
                      R"("functions": [{"name": "f", "spec": {"subject": "s"}}], )",
                      hosts)),
      Upstream(StrCat(R"("type": "static", "functions": [{"name": "f", "spec": {"path": "/"}}], )", hosts)),
      Upstream(StrCat(R"("type": "static", "functions": [{"name": "f"}], )", hosts)),
      Upstream(StrCat(R"("type": "nats", "functions": [{"name": "f", "spec": {"subject": "s"}}], )", hosts)),
      Upstream(StrCat(R"("type": "nats", "functions": [{"name": "f"}], )", hosts)),
      Upstream(StrCat(R"("type": "static", "serviceInfo": {"type": "REST", "properties": {}}, )", hosts)),
      Upstream(
          StrCat(R"("type": "static", "serviceInfo": {"type": "nats", "properties": {"clusterId": "c"}}, )", hosts)),
      Upstream(StrCat(R"("type": "static", "serviceInfo": {"type": "nats"}, )", hosts)),
      Upstream(StrCat(R"("type": "static", "serviceInfo": {"type": "SOAP"}, )", hosts)),
      Route(R"("requestMatcher": {"pathPrefix": "/", "headers": {"a": "b", "c": {"regex": "d"}}})"),
      Route(R"("requestMatcher": {"pathPrefix": "/", "pathExact": "/"})"),
      Route(R"("requestMatcher": {"headers": {"a": {"exact": "b", "regex": "c"}}})"),
      Route(R"("requestMatcher": {}, "eventMatcher": {"eventType": "e"})"),
      Route(R"("eventMatcher": {})"),
      Route(R"("extensions": {"timeout": "5s", "cors": {"allowOrigin": ["*"]}})"),
      Route(R"("extensions": {"timout": "5s"})"),
      Route(R"("extensions": {"hostRewrite": "a", "autoHostRewrite": true})"),
      Route(R"("multipleDestinations": [{"destination": {"upstream": {"name": "u"}}, "weight": 1}])"),
      Route(R"("multipleDestinations": [{"weight": 1}])"),
      Route(R"("singleDestination": {"function": {"upstreamName": "u"}})"),
      AllTypes(R"("text": "x", "flag": true, "small": -1, "large": 1, "count": 1, "total": 1, "ratio": 0.5)"),
      AllTypes(R"("flag": "yes")"),
      AllTypes(R"("small": 2147483648)"),
      AllTypes(R"("ratio": "1")"),
      AllTypes(R"("policy": "RoundRobin", "policies": ["LEAST_REQUEST"])"),
      AllTypes(R"("policy": "Random")"),
      AllTypes(R"("maybe": 1, "maybeFlag": true, "free": {"a": [1]}, "anyValue": null, "anyList": [{}])"),
      AllTypes(R"("free": 5)"),
      AllTypes(R"("words": "a")"),
      AllTypes(R"("names": {"a": "b"}, "flags": {"1": true}, "nested": {"a": {"inner": {"text": "t"}}})"),
      AllTypes(R"("nested": {"a": {"inner": {"txt": "t"}}})"),
      Object("Role", R"("metadata": {"name": "a", "labels": {"a": "b"}, "uid": "u"}, "spec": {}, "status": {"x": 1})"),
      Object("Role", R"("metadata": {"name": "A_b"}, "spec": {})"),
      Object("Role", R"("metadata": {"name": "a", "namespace": "a.b"}, "spec": {})"),
      Object("Role", R"("metadata": {"name": "a", "lables": {}}, "spec": {})"),
      Object("Role", R"("metadata": {}, "spec": {})"),
      Object("Role", R"("metadata": {"name": "a"})"),
      Object("Role", R"("metadata": {"name": "a"}, "spec": {}, "sepc": {})"),
      Object("Roles", R"("metadata": {"name": "a"}, "spec": {})"),
      R"({"apiVersion": "v1", "kind": "Role", "metadata": {"name": "a"}, "spec": {}})",
      R"({"kind": "Role", "metadata": {"name": "a"}, "spec": {}})",
      R"([])",
      StrCat(R"({"apiVersion": "v1", "kind": "List", "items": [)", Route(R"("name": "r")"), "]}"),
      StrCat(R"({"kind": "List", "items": [)", Route(R"("nam": "r")"), "]}"),
  };
}

// Standard output of a command that must succeed.
std::string OutputOf(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  EXPECT_NE(pipe, nullptr);
  std::string out;
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe.get())) out.append(buffer, n);
  EXPECT_EQ(pclose(pipe.release()), 0) << out;
  return out;
}

TEST(JsonSchema, IsValidAndAgreesWithTheReader) {
  const std::string schema_file = testing::TempDir() + "gloo_model_schema.json";
  const std::string samples_file = testing::TempDir() + "gloo_model_samples.json";
  std::ofstream(schema_file) << JsonSchema(TestSchemas::Get());
  std::string expected;
  {
    std::ofstream samples(samples_file);
    for (const std::string& sample : Samples()) {
      samples << sample << "\n";
      bool good = true;
      for (const ReadResult& document : ReadTest(sample).documents) good &= document.object != nullptr;
      StrAppend(&expected, good ? "yes " : "no ", sample, "\n");
    }
  }
  const std::string answers =
      OutputOf(StrCat(GLOO_PYTHON, " src/model/testdata/check_schema.py ", schema_file, " ", samples_file));
  std::string seen;
  size_t begin = 0;
  for (const std::string& sample : Samples()) {
    const size_t end = answers.find('\n', begin);
    ASSERT_NE(end, std::string::npos) << answers;
    StrAppend(&seen, answers.substr(begin, end - begin), " ", sample, "\n");
    begin = end + 1;
  }
  EXPECT_EQ(seen, expected);
  std::remove(schema_file.c_str());
  std::remove(samples_file.c_str());
}

TEST(JsonSchema, CarriesTheCommentsOfTheProtos) {
  EXPECT_THAT(JsonSchema(TestSchemas::Get()),
              HasSubstr("\"description\": \"How long a connection to the upstream may take; 5s by default.\""));
}

TEST(Comments, AreThoseOfTheProtos) {
  EXPECT_EQ(CommentOf(v1::Upstream::descriptor()), "A service that requests are sent to, and the functions it offers.");
  EXPECT_EQ(CommentOf(v1::Route::descriptor()->FindFieldByName("name")),
            "Shown in statuses, metrics and `glooctl explain`.");
  EXPECT_EQ(CommentOf(v1::Status::State_descriptor()->FindValueByName("ACCEPTED")), "In force as written.");
  EXPECT_EQ(CommentOf(v1::Status::Node::descriptor()), "Whether one Envoy has taken the object's resources.");
  EXPECT_EQ(CommentOf(v1::Upstream::descriptor()->FindFieldByName("kind")), "");
}

TEST(Reference, ListsKindsFieldsAndParts) {
  const std::string text = ReferenceMarkdown(TestSchemas::Get());
  for (std::string_view line : {
           "## VirtualService\n\nThe routes of one or more domains.\n",
           "### SslConfig\n",
           "| `secretRef` | text | **Required.** Name of a secret that holds `tls.crt` and `tls.key`. |\n",
           "| `connectionTimeout` | duration | How long a connection to the upstream may take; 5s by default. |\n",
           "| `functions` | list of [Function](#function) | The functions that routes can call by name. |\n",
           "| `extensions` | see [route extensions](#route-extensions) |",
           "| `headers` | mapping of names to [ValueMatcher](#valuematcher) | All of these must match. |\n",
           "Written as plain text it sets `exact`.\n",
           "| `pathExact` | text | The path, without the query string, is this. Excludes `pathPrefix`, `pathRegex`. "
           "|\n",
           "| `static` | [StaticSpec](#staticspec) |\n",
           "| `REST` | [RestFunction](#restfunction) |\n",
           "| `hosts` | list of [StaticSpec.Host](#staticspechost) | **Required.** |\n",
           "| `password` | text | Never shown. |\n",
           "| `maxRetries` | whole number, not negative |  |\n",
           "| `state` | `Pending`, `Accepted`, `Warning`, `Rejected` | `Pending`: Not looked at yet. `Accepted`: In "
           "force",
       }) {
    EXPECT_THAT(text, HasSubstr(std::string(line)));
  }
}

}  // namespace
}  // namespace gloo::model
