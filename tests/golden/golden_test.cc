// Golden files: each inputs/NAME.yaml is translated from nothing; what each role is served, and the reports, must be
// what outputs/NAME/ holds. GLOO_UPDATE_GOLDEN=1 writes the outputs anew and removes those that no longer belong.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "tests/golden/world.h"

namespace gloo::testing {
namespace {

namespace fs = std::filesystem;

#ifndef GLOO_GOLDEN_FOLDER
#define GLOO_GOLDEN_FOLDER "tests/golden"
#endif
constexpr char kInputs[] = GLOO_GOLDEN_FOLDER "/inputs";
constexpr char kOutputs[] = GLOO_GOLDEN_FOLDER "/outputs";
constexpr const char* kTypeFiles[snapshot::kTypeCount] = {"secrets", "endpoints",  "clusters", "routes",
                                                          "scopes",  "extensions", "listeners"};

bool Updating() { return std::getenv("GLOO_UPDATE_GOLDEN") != nullptr; }

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Any messages are shown by what is in them.
std::string Text(const snapshot::Resource& resource) {
  std::string url(snapshot::TypeUrl(resource.ref.type));
  const auto* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(resource.body)) return "cannot be parsed\n";
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  std::string text;
  printer.PrintToString(*message, &text);
  std::string out = "# " + resource.ref.name + "\n";
  for (const auto& ref : resource.warms) {
    out += "# warms " + std::string(kTypeFiles[static_cast<int>(ref.type)]) + " " + ref.name + "\n";
  }
  for (const auto& ref : resource.needs) {
    out += "# needs " + std::string(kTypeFiles[static_cast<int>(ref.type)]) + " " + ref.name + "\n";
  }
  return out + text + "\n";
}

// The same in every role, and long: translation_test.cc looks at it.
bool IsOfTheTable(const snapshot::Resource& resource) {
  if (resource.ref == snapshot::ResourceRef{snapshot::Type::kListener, "gloo.domains"}) return true;
  return resource.ref.type == snapshot::Type::kExtensionConfig &&
         resource.body.find(R"("listeners":{}})") != std::string::npos;
}

// File name -> text.
std::map<std::string, std::string> Translate(const fs::path& input) {
  World world;
  world.PutSecret(Data("empty", {{"other", "value"}}));
  world.PutSecret(Data("aws-keys", {{"access_key", "AKIDEXAMPLE"}, {"secret_key", "example"}}));
  world.PutSecret(Data("hooks", {{"token", "example"}}));
  world.ApplyText(ReadFile(input));
  EXPECT_TRUE(world.violations().empty());
  std::map<std::string, std::string> files;
  for (const auto& [key, report] : world.reports()) files["reports.txt"] += ToText(report);
  for (const auto& [role, snapshot] : world.roles()) {
    for (int type = 0; type < snapshot::kTypeCount; ++type) {
      const auto& resources = snapshot.resources(static_cast<snapshot::Type>(type));
      for (const std::string& name : world.Names(static_cast<snapshot::Type>(type), role)) {
        if (IsOfTheTable(*resources.at(name))) continue;
        files[role + "." + kTypeFiles[type] + ".txt"] += Text(*resources.at(name));
      }
    }
  }
  return files;
}

TEST(GoldenTest, OutputsAreAsWritten) {
  size_t inputs = 0;
  for (const auto& entry : fs::directory_iterator(kInputs)) {
    if (entry.path().extension() != ".yaml") continue;
    ++inputs;
    SCOPED_TRACE(entry.path().string());
    std::map<std::string, std::string> files = Translate(entry.path());
    fs::path folder = fs::path(kOutputs) / entry.path().stem();
    if (Updating()) {
      fs::remove_all(folder);
      fs::create_directories(folder);
      for (const auto& [name, text] : files) std::ofstream(folder / name) << text;
      continue;
    }
    for (const auto& [name, text] : files) EXPECT_EQ(ReadFile(folder / name), text) << folder / name;
    for (const auto& held : fs::directory_iterator(folder)) {
      EXPECT_TRUE(files.contains(held.path().filename().string())) << held.path() << " is stale";
    }
  }
  EXPECT_GT(inputs, 0u);
}

TEST(GoldenTest, NoOutputWithoutInput) {
  for (const auto& entry : fs::directory_iterator(kOutputs)) {
    fs::path input = fs::path(kInputs) / (entry.path().filename().string() + ".yaml");
    if (fs::exists(input)) continue;
    if (Updating()) {
      fs::remove_all(entry.path());
    } else {
      ADD_FAILURE() << entry.path() << " has no input";
    }
  }
}

}  // namespace
}  // namespace gloo::testing
