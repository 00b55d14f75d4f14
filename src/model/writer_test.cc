#include "model/writer.h"

#include <gtest/gtest.h>

#include <string>

#include "api/v1/status.pb.h"
#include "model/reading_test.h"
#include "model/value.h"

namespace gloo::model {
namespace {

constexpr std::string_view kUpstream = R"(apiVersion: gloo.solo.io/v1
kind: Upstream
metadata:
  name: pets
  namespace: default
  labels:
    a: "1"
    b: x
spec:
  type: static
  spec:
    hosts:
      - address: 10.0.0.1
        port: 80
    useTls: true
  functions:
    - name: get
      spec:
        path: /pets/{{ id }}
        headers:
          "n": "no"
        body: |-
          {
            "id": 1
          }
  serviceInfo:
    type: REST
  connectionTimeout: 1m30s
)";

TEST(Writer, WritesYamlAsItIsRead) {
  std::string text(kUpstream);
  text.replace(text.find("/pets/{{ id }}"), 14, "\"/pets/{{ id }}\"");
  text.replace(text.find("10.0.0.1"), 8, "\"10.0.0.1\"");
  const ObjectPtr object = ReadOne(text);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(ToYaml(*object, nullptr), text);
}

TEST(Writer, WritesJson) {
  const ObjectPtr object = ReadOne(R"(apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  routes:
  - requestMatcher: {pathExact: "/\"\u0001", headers: {b: "", a: {regex: x}}}
    singleDestination: {upstream: {name: u}}
    extensions: {timeout: 250ms, max_retries: 2}
)");
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(ToJson(*object, nullptr), R"({
  "apiVersion": "gloo.solo.io/v1",
  "kind": "VirtualService",
  "metadata": {
    "name": "a",
    "namespace": "default"
  },
  "spec": {
    "routes": [
      {
        "requestMatcher": {
          "pathExact": "/\"\u0001",
          "headers": {
            "a": {
              "regex": "x"
            },
            "b": ""
          }
        },
        "singleDestination": {
          "upstream": {
            "name": "u"
          }
        },
        "extensions": {
          "timeout": "250ms",
          "maxRetries": 2
        }
      }
    ]
  }
}
)");
}

TEST(Writer, WritesStatuses) {
  v1::Status status;
  EXPECT_EQ(ToJson(status), "{\n  \"state\": \"Pending\"\n}\n");
  status.set_state(v1::Status::REJECTED);
  status.set_reason("DomainTaken");
  status.set_observed_generation(3);
  status.mutable_last_transition_time()->set_seconds(1769860800);
  auto* issue = status.add_issues();
  issue->set_path("spec.domains[0]");
  issue->set_line(4);
  status.add_nodes()->set_id("ingress~1");
  EXPECT_EQ(ToJson(status), R"({
  "state": "Rejected",
  "reason": "DomainTaken",
  "observedGeneration": 3,
  "lastTransitionTime": "2026-01-31T12:00:00Z",
  "issues": [
    {
      "path": "spec.domains[0]",
      "line": 4
    }
  ],
  "nodes": [
    {
      "id": "ingress~1",
      "state": "Waiting"
    }
  ]
}
)");
  const ObjectPtr object = ReadOne("apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: {name: a}\nspec: {}\n");
  status.Clear();
  EXPECT_EQ(ToYaml(*object, &status),
            "apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata:\n  name: a\n  namespace: default\nspec: {}\n"
            "status:\n  state: Pending\n");
}

TEST(Writer, HidesSecrets) {
  const ObjectPtr object = ReadOne(
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\n"
      "spec: {type: static, spec: {hosts: [{addr: a, port: 1}], password: hunter2}}\n");
  ASSERT_NE(object, nullptr);
  for (const std::string& text : {ToYaml(*object, nullptr), ToJson(*object, nullptr)}) {
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_NE(text.find("<hidden>"), std::string::npos);
  }
}

TEST(Writer, WhatIsWrittenReadsTheSame) {
  const std::string text = Everything(R"(text: "a\tb\u0007 \u00e4"
flag: true
small: -5
large: -9000000000
count: 1
total: 18446744073709551615
ratio: 0.1
share: 0.1
blob: AAECAw==
policy: LEAST_REQUEST
wait: 1.000000001s
since: 2026-01-31T12:00:00.123Z
maybe: 0
maybeFlag: false
free: {n: 1e100, s: "1", t: true, l: [null, {}], "on": "off", deep: {a: [[], [x]]}}
anyValue: "null"
anyList: [1, [2]]
words: ["", " a", "a ", "a: b", "#x", "- y", "null", "~", "012", "x\ny\n",
        "x\n\n", "\nx", " x\ny", "|", "@a", "y: |\n  z"]
numbers: [1, 2, 3]
policies: [RoundRobin, LeastRequest]
names: {"": a, "a b": c, "n": y, "1": "2", "<<": m}
flags: {-1: true, 5: false}
nested: {x: {inner: {words: [z]}}, y: {}}
inner: {inner: {inner: {text: "multi\nline: text\n\n# no comment\n"}}})");
  const ObjectPtr object = ReadOne(text);
  ASSERT_NE(object, nullptr);
  for (const std::string& written : {ToYaml(*object, nullptr), ToJson(*object, nullptr)}) {
    const ObjectPtr again = ReadOne(written);
    ASSERT_NE(again, nullptr) << written;
    EXPECT_EQ(again->hash, object->hash) << written;
  }
}

TEST(Value, WritesCompactJson) {
  Value value = Value::Map({{"a", Value::List({Value::Bool(true), Value()})}, {"b", Value::Map()}});
  EXPECT_EQ(WriteCompactJson(value), R"({"a":[true,null],"b":{}})");
}

}  // namespace
}  // namespace gloo::model
