// Runs every example of docs/transformations.md: blocks "text example" hold a line of data and lines
// "TEMPLATE => RESULT"; blocks "yaml example" a function, a message and what becomes of it.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>

#include "template/functions.h"
#include "template/test_support.h"

namespace gloo::tmpl {
namespace {

struct Example {
  std::string kind;
  std::string text;
  int line = 0;
};

std::vector<Example> ReadExamples() {
  std::ifstream file("docs/transformations.md");
  std::vector<Example> examples;
  std::string line;
  int number = 0;
  bool inside = false;
  while (std::getline(file, line)) {
    ++number;
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      examples.back().text += line + "\n";
    } else if (line.starts_with("```")) {
      size_t space = line.find(' ');
      EXPECT_EQ(line.substr(space + 1), "example") << "line " << number << ": a block that no test runs";
      inside = true;
      examples.push_back({line.substr(3, space - 3), "", number});
    }
  }
  return examples;
}

// `\n` in a line of the table is a line break, outside quotes.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\\n") {
      out += '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

int RunTable(const Example& example) {
  std::istringstream lines(example.text);
  std::string data;
  std::string line;
  std::getline(lines, data);
  EXPECT_TRUE(data.starts_with("data: ")) << "line " << example.line;
  int count = 0;
  while (std::getline(lines, line)) {
    size_t arrow = line.rfind(" => ");
    EXPECT_NE(arrow, std::string::npos) << line;
    if (arrow == std::string::npos) continue;
    EXPECT_EQ(RenderText(Unescape(line.substr(0, arrow)), data.substr(6)), Unescape(line.substr(arrow + 4))) << line;
    ++count;
  }
  return count;
}

std::vector<std::pair<std::string, std::string>> Pairs(const YAML::Node& node) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& entry : node) out.emplace_back(entry.first.as<std::string>(), entry.second.as<std::string>());
  return out;
}

// What the REST plugin makes of a function.
TransformationConfig MakeConfig(const YAML::Node& function) {
  using From = Extractor::From;
  TransformationConfig config;
  auto text = [](const YAML::Node& node) { return node ? std::optional(node.as<std::string>()) : std::nullopt; };
  MessageTemplates request;
  request.method = text(function["method"]);
  request.path = text(function["path"]);
  request.query = Pairs(function["query"]);
  request.headers = Pairs(function["headers"]);
  request.append_headers = Pairs(function["appendHeaders"]);
  request.metadata = Pairs(function["metadata"]);
  request.body = text(function["body"]);
  request.merge_extractors_to_body = function["mergeParametersToBody"].as<bool>(false);
  if (!(request == MessageTemplates())) {
    YAML::Node parameters = function["parameters"] ? function["parameters"] : YAML::Node(YAML::NodeType::Map);
    auto add = [&](From from, const char* key, const YAML::Node& pattern) {
      if (pattern) request.extractors.push_back({from, key, pattern.as<std::string>()});
    };
    add(From::kPath, "", parameters["path"]);
    add(From::kAuthority, "", parameters["authority"]);
    for (const auto& [name, pattern] : Pairs(parameters["headers"])) {
      request.extractors.push_back({From::kHeader, name, pattern});
    }
    for (const auto& [name, pattern] : Pairs(parameters["query"])) {
      request.extractors.push_back({From::kQuery, name, pattern});
    }
    for (const YAML::Node& one : parameters["extract"]) {
      Extractor extractor;
      for (const auto& [key, from] : {std::pair("header", From::kHeader), std::pair("query", From::kQuery),
                                      std::pair("path", From::kPath), std::pair("authority", From::kAuthority),
                                      std::pair("body", From::kBody), std::pair("jsonPointer", From::kPointer)}) {
        if (!one[key]) continue;
        extractor.from = from;
        const bool has_key = from == From::kHeader || from == From::kQuery || from == From::kPointer;
        if (has_key) extractor.key = one[key].as<std::string>();
      }
      extractor.regex = one["regex"].as<std::string>("");
      extractor.name = one["name"].as<std::string>("");
      request.extractors.push_back(std::move(extractor));
    }
    config.request = request;
  }
  if (YAML::Node node = function["response"]) {
    MessageTemplates response;
    response.headers = Pairs(node["headers"]);
    response.append_headers = Pairs(node["appendHeaders"]);
    response.metadata = Pairs(node["metadata"]);
    response.body = text(node["body"]);
    config.response = response;
  }
  if (function["onError"].as<std::string>("fail") == "default") config.on_error = OnError::kDefault;
  config.max_body_bytes = function["maxBodyBytes"].as<size_t>(config.max_body_bytes);
  return config;
}

MapHeaders MakeHeaders(const YAML::Node& message) {
  MapHeaders headers;
  headers.Set(":path", message["path"].as<std::string>("/"));
  headers.Set(":method", message["method"].as<std::string>("POST"));
  headers.Set(":authority", message["authority"].as<std::string>("example.com"));
  for (const auto& [name, value] : Pairs(message["headers"])) headers.Set(name, value);
  return headers;
}

void RunYaml(const Example& example) {
  SCOPED_TRACE("example at line " + std::to_string(example.line));
  YAML::Node node = YAML::Load(example.text);
  TransformationConfig config = MakeConfig(node["function"]);
  ASSERT_EQ(CompileErrors(config), "");
  auto compiled = Transformation::Compile(config, nullptr);
  MapHeaders request = MakeHeaders(node["request"] ? node["request"] : YAML::Node(YAML::NodeType::Map));
  Outcome outcome;
  if (node["response"]) {
    MapHeaders response = MakeHeaders(node["response"]);
    compiled->Response(response, &request, node["response"]["body"].as<std::string>(""), &outcome);
  } else {
    compiled->Request(request, compiled->request_needs_body() ? node["request"]["body"].as<std::string>("") : "",
                      &outcome);
  }
  std::string expected;
  if (YAML::Node answers = node["answers"]) {
    expected = "status " + answers["status"].as<std::string>() + ": " + answers["body"].as<std::string>() + "\n";
  } else if (YAML::Node merges = node["merges"]) {
    expected = "body " + merges.as<std::string>() + "\n";
  } else {
    YAML::Node sends = node["sends"] ? node["sends"] : node["gives"];
    ASSERT_TRUE(sends.IsDefined()) << "the example tells no result";
    if (sends["method"]) expected += "set :method: " + sends["method"].as<std::string>() + "\n";
    if (sends["path"]) expected += "set :path: " + sends["path"].as<std::string>() + "\n";
    for (const auto& [name, value] : Pairs(sends["headers"])) expected += "set " + name + ": " + value + "\n";
    for (const YAML::Node& name : sends["removes"]) expected += "remove " + name.as<std::string>() + "\n";
    for (const auto& [name, value] : Pairs(sends["appends"])) expected += "append " + name + ": " + value + "\n";
    for (const auto& [name, value] : Pairs(sends["metadata"])) expected += "metadata " + name + ": " + value + "\n";
    if (sends["body"]) expected += "body " + sends["body"].as<std::string>() + "\n";
  }
  EXPECT_EQ(Describe(outcome), expected);
}

TEST(Documentation, EveryExampleRuns) {
  std::vector<Example> examples = ReadExamples();
  int tables = 0;
  int messages = 0;
  for (const Example& example : examples) {
    if (example.kind == "text") {
      tables += RunTable(example);
    } else {
      ASSERT_EQ(example.kind, "yaml") << "line " << example.line;
      RunYaml(example);
      ++messages;
    }
  }
  EXPECT_GT(tables, 50);
  EXPECT_GT(messages, 15);
}

// The reference names every function.
TEST(Documentation, NamesEveryFunction) {
  std::ifstream file("docs/transformations.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const FunctionInfo& info : Functions()) {
    std::string call = std::string(info.name) + "(";
    bool named = text.str().find(call) != std::string::npos;
    EXPECT_TRUE(named) << info.name;
  }
}

}  // namespace
}  // namespace gloo::tmpl
