#include "translator/dependencies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Fact Secret(const std::string& name) { return {Fact::Kind::kSecret, "default", name, ""}; }
Unit Routes(const std::string& name) { return {Unit::Stage::kRoutes, {model::Kind::kVirtualService, "default", name}}; }

std::vector<std::string> Readers(const Dependencies& dependencies, const Fact& fact) {
  std::vector<std::string> names;
  dependencies.VisitReaders(fact, [&names](const Unit& unit) { names.push_back(unit.key.name); });
  std::sort(names.begin(), names.end());
  return names;
}

TEST(DependenciesTest, ReadersOfAFact) {
  Dependencies dependencies;
  dependencies.SetReads(Routes("a"), {Secret("x"), Secret("y")});
  dependencies.SetReads(Routes("b"), {Secret("y")});
  EXPECT_THAT(Readers(dependencies, Secret("x")), ElementsAre("a"));
  EXPECT_THAT(Readers(dependencies, Secret("y")), ElementsAre("a", "b"));
  EXPECT_THAT(Readers(dependencies, {Fact::Kind::kArtifact, "default", "x", ""}), IsEmpty());
}

TEST(DependenciesTest, ANewRunReplacesTheOld) {
  Dependencies dependencies;
  dependencies.SetReads(Routes("a"), {Secret("x"), Secret("y")});
  dependencies.SetReads(Routes("a"), {Secret("y"), Secret("z")});
  EXPECT_THAT(Readers(dependencies, Secret("x")), IsEmpty());
  EXPECT_THAT(Readers(dependencies, Secret("y")), ElementsAre("a"));
  EXPECT_THAT(Readers(dependencies, Secret("z")), ElementsAre("a"));
  dependencies.SetReads(Routes("a"), {});
  EXPECT_THAT(Readers(dependencies, Secret("y")), IsEmpty());
}

}  // namespace
}  // namespace gloo::translator
