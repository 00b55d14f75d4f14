#include "model/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/reading_test.h"
#include "src/model/testdata/test_plugin.pb.h"

namespace gloo::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kPetstore = R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata:
  name: petstore
  namespace: shop
  labels: {tier: gold}
  generation: 7
  creationTimestamp: 2026-01-31T12:00:00Z
spec:
  domains: [example.com, "*.example.com"]
  routes:
  - requestMatcher:
      pathPrefix: /pets
      headers:
        x-tier: gold
        x-any: ""
        x-re: {regex: "a+"}
      verbs: [GET]
    singleDestination:
      function: {upstreamName: pets, functionName: list}
    extensions:
      timeout: 1m30s
      cors:
        allowOrigin: ["*"]
  - event_matcher: {event_type: order}
    multiple_destinations:
    - destination: {upstream: {name: a}}
      weight: 3
    - destination: {upstream: {name: b}}
      weight: 1
)";

TEST(Reader, ReadsAVirtualService) {
  const ObjectPtr object = ReadOne(kPetstore);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(ToString(object->key), "VirtualService shop/petstore");
  EXPECT_EQ(object->generation, 7);
  EXPECT_EQ(object->created, 1769860800'000'000'000);
  EXPECT_EQ(object->origin, (Origin{"file", "f.yaml", 0, 1}));
  EXPECT_EQ(object->hash.size(), 32u);
  EXPECT_EQ(object->metadata().labels().at("tier"), "gold");
  const v1::VirtualServiceSpec& spec = object->virtual_service();
  EXPECT_THAT(spec.domains(), ElementsAre("example.com", "*.example.com"));
  ASSERT_EQ(spec.routes_size(), 2);
  const v1::Route& route = spec.routes(0);
  EXPECT_EQ(route.request_matcher().path_prefix(), "/pets");
  EXPECT_EQ(route.request_matcher().headers().at("x-tier").exact(), "gold");
  EXPECT_TRUE(route.request_matcher().headers().at("x-any").has_exact());
  EXPECT_EQ(route.request_matcher().headers().at("x-re").regex(), "a+");
  EXPECT_EQ(route.single_destination().function().function_name(), "list");
  ASSERT_EQ(route.extensions_size(), 2);
  test::BaseExtensions base;
  ASSERT_TRUE(route.extensions(0).UnpackTo(&base));
  EXPECT_EQ(base.timeout().seconds(), 90);
  test::CorsExtensions cors;
  ASSERT_TRUE(route.extensions(1).UnpackTo(&cors));
  EXPECT_EQ(cors.cors().allow_origin(0), "*");
  EXPECT_EQ(spec.routes(1).event_matcher().event_type().exact(), "order");
  EXPECT_EQ(spec.routes(1).multiple_destinations(0).weight(), 3u);
}

TEST(Reader, DecodesOpenPartsInAnyOrderOfKeys) {
  const ObjectPtr object = ReadOne(R"(kind: Upstream
spec:
  functions:
  - spec: {path: "/pets/{{ id }}", headers: {a: b}, body: "x"}
    name: get
  spec:
    hosts: [{addr: 10.0.0.1, port: 80}]
  service_info: {type: REST}
  type: service
  connectionTimeout: 250ms
metadata: {name: pets}
apiVersion: gloo.solo.io/v1
)");
  ASSERT_NE(object, nullptr);
  const v1::UpstreamSpec& spec = object->upstream();
  test::StaticSpec part;
  ASSERT_TRUE(spec.spec().UnpackTo(&part));
  EXPECT_EQ(part.hosts(0).address(), "10.0.0.1");
  EXPECT_EQ(part.hosts(0).port(), 80u);
  test::RestFunction function;
  ASSERT_TRUE(spec.functions(0).spec().UnpackTo(&function));
  EXPECT_EQ(function.path(), "/pets/{{ id }}");
  EXPECT_EQ(function.body().value(), "x");
  EXPECT_EQ(spec.connection_timeout().nanos(), 250'000'000);
}

TEST(Reader, ReadsJson) {
  const ObjectPtr object = ReadOne(
      R"({"apiVersion": "gloo.solo.io/v1", "kind": "Role", "metadata": {"name": "ingress", "generation": "5"},
        "spec": {"listeners": [{"name": "h\u0074tp", "port": 8080, "tls": false}]}, "status": {"state": "whatever"}})");
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(ToString(object->key), "Role default/ingress");
  EXPECT_EQ(object->generation, 5);
  EXPECT_EQ(object->role().listeners(0).name(), "http");
}

TEST(Reader, HashIsOfTheMeaningOfTheSpec) {
  const auto hash = [](std::string_view text) { return ReadOne(text)->hash; };
  const std::string plain =
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\nspec: {type: static, spec: {hosts: "
      "[{address: h, port: 1}]}}\n";
  EXPECT_EQ(hash(plain), hash("# c\nkind: Upstream\napiVersion: gloo.solo.io/v1\nspec:\n  spec:\n    hosts:\n    - "
                              "port: 1\n      addr: h\n  type: static\nmetadata:\n  name: a\n  labels:\n    x: y\n"));
  std::string other = plain;
  other.replace(other.find("port: 1"), 7, "port: 2");
  EXPECT_NE(hash(plain), hash(other));
}

TEST(Reader, HashDoesNotDependOnTheOrderOfExtensionsOrMaps) {
  const auto text = [](std::string_view extensions) {
    return "apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  routes:\n  - "
           "extensions: " +
           std::string(extensions) + "\n";
  };
  EXPECT_EQ(ReadOne(text("{timeout: 1s, cors: {maxAge: 1h}, maxRetries: 2}"))->hash,
            ReadOne(text("{max_retries: 2, cors: {maxAge: 60m}, timeout: 1s}"))->hash);
}

TEST(Reader, ReadsManyDocumentsAndSkipsEmptyOnes) {
  const FileResult result = ReadTest(R"(# nothing yet
---
---
apiVersion: gloo.solo.io/v1
kind: Role
metadata: {name: a}
spec: {}
---
# only a comment
---
apiVersion: gloo.solo.io/v1
kind: Role
metadata: {name: b}
spec: {}
...
)");
  EXPECT_TRUE(result.readable);
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_EQ(ToString(*result.documents[0].key), "Role default/a");
  EXPECT_EQ(result.documents[0].object->origin, (Origin{"file", "f.yaml", 0, 4}));
  EXPECT_EQ(result.documents[1].object->origin, (Origin{"file", "f.yaml", 1, 11}));
}

TEST(Reader, ReadsNothingFromAnEmptyFile) {
  for (std::string_view text : {"", "\n\n", "# c\n", "---\n", "---\n...\n", "\xef\xbb\xbf", "null\n"}) {
    const FileResult result = ReadTest(text);
    EXPECT_TRUE(result.readable) << text;
    EXPECT_THAT(result.documents, IsEmpty()) << text;
    EXPECT_THAT(result.issues, IsEmpty()) << text;
  }
}

TEST(Reader, ExpandsLists) {
  const FileResult result = ReadTest(R"(apiVersion: v1
kind: List
items:
- apiVersion: gloo.solo.io/v1
  kind: Role
  metadata: {name: a}
  spec: {}
- apiVersion: gloo.solo.io/v1
  kind: Role
  metadata: {name: !x b}
  spec: {}
)");
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_NE(result.documents[0].object, nullptr);
  EXPECT_EQ(result.documents[0].object->origin.line, 4);
  ASSERT_EQ(result.documents[1].issues.size(), 1u);
  EXPECT_EQ(ToString(result.documents[1].issues[0]),
            "f.yaml:10:20: error: metadata.name: the tag \"!x\" means nothing here; remove it (UnsupportedTag)");
}

TEST(Reader, ReportsAllMistakesAtOnceInOrder) {
  EXPECT_THAT(
      IssuesOf(R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata:
  name: a
spec:
  domain: [a.com]
  routes:
  - requestMatcher:
      pathPrefx: /a
      path_exact: /b
      pathRegex: /c
      verbs: GET
      headers:
        x-a:
    singleDestination:
      function: {upstreamName: u}
    extensions:
      timout: 5s
      timeout: 5
  - requestMatcher: 5
    multipleDestinations:
    - weight: many
)"),
      ElementsAre("6:3: error: spec.domain: unknown field \"domain\"; did you mean \"domains\"? (UnknownField)",
                  "9:7: error: spec.routes[0].requestMatcher.pathPrefx: unknown field \"pathPrefx\"; did you mean "
                  "\"pathPrefix\"? (UnknownField)",
                  "11:7: error: spec.routes[0].requestMatcher.pathRegex: \"pathRegex\" and \"path_exact\" (line 10) "
                  "exclude each other; write one of them (ExclusiveFields)",
                  "12:14: error: spec.routes[0].requestMatcher.verbs: must be a list, not \"GET\"; write [GET] "
                  "(WrongType)",
                  "14:9: error: spec.routes[0].requestMatcher.headers[\"x-a\"]: has no value; write \"\" for an empty "
                  "text (WrongType)",
                  "16:7: error: spec.routes[0].singleDestination.function.functionName: is required (MissingField)",
                  "18:7: error: spec.routes[0].extensions.timout: unknown route extension \"timout\"; did you mean "
                  "\"timeout\"? (UnknownExtension)",
                  "19:16: error: spec.routes[0].extensions.timeout: must be a duration such as 5s, 250ms or 1m30s, not "
                  "a bare number; write 5s (InvalidDuration)",
                  "20:21: error: spec.routes[1].requestMatcher: must be a mapping, not \"5\" (WrongType)",
                  "22:7: error: spec.routes[1].multipleDestinations[0].destination: is required (MissingField)",
                  "22:15: error: spec.routes[1].multipleDestinations[0].weight: must be a whole number from 0 to "
                  "4294967295, not \"many\" (WrongType)"));
}

TEST(Reader, KeepsAtMostTheLimitOfIssuesAndCountsTheRest) {
  std::string text = "apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  routes:\n";
  for (int i = 0; i < 130; ++i) text += "  - nonsense: 1\n";
  const std::vector<std::string> issues = IssuesOf(text);
  ASSERT_EQ(issues.size(), 101u);
  EXPECT_EQ(issues.back(), "1:1: error: and 30 more mistakes (TooManyIssues)");
}

TEST(Reader, RefusesWhatIsNoObject) {
  EXPECT_THAT(IssuesOf("- a\n- b\n"),
              ElementsAre("1:1: error: a document must be a mapping with apiVersion, kind, metadata and spec, not a "
                          "list (NotAnObject)"));
  EXPECT_THAT(IssuesOf("just text\n"),
              ElementsAre("1:1: error: a document must be a mapping with apiVersion, kind, metadata and spec, not "
                          "\"just text\" (NotAnObject)"));
}

TEST(Reader, RefusesWrongKindsAndVersions) {
  EXPECT_THAT(IssuesOf("metadata: {name: a}\n"),
              ElementsAre("1:1: error: apiVersion: is required; write gloo.solo.io/v1 (MissingField)",
                          "1:1: error: kind: is required; write Upstream, VirtualService or Role (MissingField)"));
  EXPECT_THAT(IssuesOf("apiVersion: v1\nkind: upstreams\n"),
              ElementsAre("1:13: error: apiVersion: must be \"gloo.solo.io/v1\", not \"v1\" (UnknownApiVersion)",
                          "2:7: error: kind: unknown kind \"upstreams\"; did you mean \"Upstream\"? (UnknownKind)"));
  EXPECT_THAT(IssuesOf("apiVersion: gloo.solo.io/v1\nkind: ConfigMap\n"),
              ElementsAre("2:7: error: kind: unknown kind \"ConfigMap\"; known: Upstream, VirtualService, Role "
                          "(UnknownKind)"));
}

TEST(Reader, ChecksNames) {
  const auto named = [](std::string_view metadata) {
    return IssuesOf("apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: " + std::string(metadata) + "\nspec: {}\n");
  };
  EXPECT_THAT(named("{name: a.b-c.9}"), IsEmpty());
  EXPECT_THAT(named("{name: n}"), IsEmpty());
  EXPECT_THAT(named("{name: My_App}"),
              ElementsAre("3:18: error: metadata.name: must be lower-case letters, digits, \"-\" and \".\", with a "
                          "letter or digit at both ends, not \"My_App\"; write my-app (InvalidName)"));
  EXPECT_THAT(
      named("{name: a, namespace: a.b}"),
      ElementsAre("3:32: error: metadata.namespace: must be lower-case letters, digits and \"-\", with a letter "
                  "or digit at both ends, not \"a.b\"; write a-b (InvalidName)"));
  EXPECT_THAT(named("{name: " + std::string(254, 'a') + "}"),
              ElementsAre("3:18: error: metadata.name: must have at most 253 characters, not 254 (InvalidName)"));
  EXPECT_THAT(named("{name: \"\"}"), ElementsAre("3:18: error: metadata.name: must not be empty (MissingField)"));
  EXPECT_THAT(named("{}"), ElementsAre("3:1: error: metadata.name: is required (MissingField)"));
  EXPECT_THAT(named(""), ElementsAre("3:1: error: metadata: is required (MissingField)"));
}

TEST(Reader, TakesWhatKubernetesWritesIntoMetadata) {
  EXPECT_NE(ReadOne(R"(apiVersion: gloo.solo.io/v1
kind: Role
metadata:
  name: a
  uid: 1
  resourceVersion: "12"
  creationTimestamp: null
  managedFields: [{manager: kubectl}]
  finalizers: [x]
  ownerReferences: []
  selfLink: /a
  deletionTimestamp: 2026-01-31T12:00:00Z
  deletionGracePeriodSeconds: 0
spec: {}
)"),
            nullptr);
  EXPECT_THAT(IssuesOf("apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata:\n  name: a\n  lables: {}\nspec: {}\n"),
              ElementsAre("5:3: error: metadata.lables: unknown field \"lables\"; did you mean \"labels\"? "
                          "(UnknownField)"));
}

TEST(Reader, RefusesTheSecondOfOneName) {
  const std::string role = "apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: {name: a}\nspec: {}\n";
  const FileResult result = ReadTest(role + "---\n" + role);
  ASSERT_EQ(result.documents.size(), 2u);
  EXPECT_NE(result.documents[0].object, nullptr);
  EXPECT_EQ(result.documents[1].object, nullptr);
  EXPECT_EQ(result.documents[1].key, std::nullopt);
  ASSERT_EQ(result.documents[1].issues.size(), 1u);
  EXPECT_EQ(ToString(result.documents[1].issues[0]),
            "f.yaml:8:18: error: metadata.name: Role default/a is in this file already, on line 1 (DuplicateName)");
}

TEST(Reader, KeepsTheKeyOfAWrongObject) {
  const FileResult result = ReadTest("apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: {name: a}\nspec: {x: 1}\n");
  ASSERT_EQ(result.documents.size(), 1u);
  EXPECT_EQ(result.documents[0].object, nullptr);
  EXPECT_EQ(ToString(result.documents[0].key.value()), "Role default/a");
}

std::vector<std::string> UpstreamIssues(std::string_view spec) {
  return IssuesOf("apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\nspec:\n" + std::string(spec));
}

TEST(Reader, RefusesUnknownTypes) {
  EXPECT_THAT(UpstreamIssues("  type: statc\n  spec: {hosts: 1}\n"),
              ElementsAre("5:9: error: spec.type: unknown upstream type \"statc\"; did you mean \"static\"? "
                          "(UnknownType)"));
  EXPECT_THAT(
      UpstreamIssues("  type: kubernetes\n"),
      ElementsAre("5:9: error: spec.type: unknown upstream type \"kubernetes\"; known: everything, nats, static "
                  "(UnknownType)"));
  EXPECT_THAT(UpstreamIssues("  type: everything\n  serviceInfo: {type: SOAP}\n"),
              ElementsAre("6:23: error: spec.serviceInfo.type: unknown service type \"SOAP\"; known: REST, nats "
                          "(UnknownType)"));
  EXPECT_THAT(UpstreamIssues("  spec: {}\n"), ElementsAre("4:1: error: spec.type: is required (MissingField)"));
}

TEST(Reader, ChecksPartsAgainstTheirTypes) {
  EXPECT_THAT(UpstreamIssues("  type: static\n"),
              ElementsAre("4:1: error: spec.spec: is required by upstream type \"static\" (MissingField)"));
  EXPECT_THAT(UpstreamIssues("  type: static\n  spec: {hosts: []}\n"),
              ElementsAre("6:17: error: spec.spec.hosts: must not be empty (MissingField)"));
  EXPECT_THAT(UpstreamIssues("  type: everything\n  functions:\n  - name: f\n    spec: {path: /}\n"),
              ElementsAre("8:5: error: spec.functions[0].spec: how functions of this upstream are called is not said; "
                          "write spec.serviceInfo.type; known: REST, nats (MissingServiceInfo)"));
  EXPECT_THAT(UpstreamIssues("  type: everything\n  serviceInfo:\n    type: REST\n    properties: {a: 1}\n"),
              ElementsAre("8:17: error: spec.serviceInfo.properties: service type \"REST\" takes no properties; remove "
                          "them (UnknownField)"));
  EXPECT_THAT(UpstreamIssues("  type: nats\n  spec: {hosts: [{addr: a, port: 1}]}\n  functions: [{name: f}]\n"),
              ElementsAre("7:15: error: spec.functions[0].spec: is required by upstream type \"nats\" (MissingField)"));
  EXPECT_THAT(UpstreamIssues("  type: everything\n  serviceInfo: {type: nats}\n"),
              ElementsAre("6:3: error: spec.serviceInfo.properties: is required by service type \"nats\" "
                          "(MissingField)"));
}

TEST(Reader, RefusesAFieldWrittenTwice) {
  EXPECT_THAT(UpstreamIssues("  type: everything\n  type: static\n  connectionTimeout: 1s\n  connection_timeout: 2s\n"),
              ElementsAre("6:3: error: spec.type: is written twice; the first is on line 5 (DuplicateKey)",
                          "8:3: error: spec.connection_timeout: \"connection_timeout\" and \"connectionTimeout\" (line "
                          "7) are the same field; write one of them (DuplicateField)"));
  EXPECT_THAT(
      IssuesOf("apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  routes:\n"
               "  - extensions: {hostRewrite: a, auto_host_rewrite: true}\n"
               "    requestMatcher:\n      headers:\n        a: x\n        a: y\n"),
      ElementsAre("6:34: error: spec.routes[0].extensions.auto_host_rewrite: \"auto_host_rewrite\" and "
                  "\"hostRewrite\" (line 6) exclude each other; write one of them (ExclusiveFields)",
                  "10:9: error: spec.routes[0].requestMatcher.headers[\"a\"]: is written twice; the first is on "
                  "line 9 (DuplicateKey)"));
}

}  // namespace
}  // namespace gloo::model
