#include "sources/file/data_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sources/file/flat_file.h"

namespace gloo::sources::file {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

Batch Flush(DataIndex& index) {
  Batch batch;
  index.Flush(batch);
  return batch;
}

TEST(FlatFile, IsAMappingOfStrings) {
  EXPECT_THAT(ReadFlat("user: me\nport: 8080\nempty: ''\n", 100).values,
              ElementsAre(Pair("empty", ""), Pair("port", "8080"), Pair("user", "me")));
  EXPECT_THAT(ReadFlat(R"({"a": "b\n"})", 100).values, ElementsAre(Pair("a", "b\n")));
  EXPECT_THAT(ReadFlat("", 100).values, IsEmpty());
}

TEST(FlatFile, MistakesNameTheirPlaceAndNoContent) {
  const auto issue = [](const std::string& text) { return *ReadFlat(text, 10).issue; };
  EXPECT_EQ(issue("- a").message, "must be a mapping of names to strings");
  EXPECT_EQ(issue("a: 1\nb: [x]").message, "the value of \"b\" must be a string");
  EXPECT_EQ(issue("a: 1\nb: [x]").location.line, 2);
  EXPECT_EQ(issue("a:").message, "the value of \"a\" must be a string");
  EXPECT_EQ(issue("a: 1\na: 2").message, "\"a\" is written twice");
  EXPECT_EQ(issue("a: 12345678901").message, "the value of \"a\" is longer than 10 bytes");
  const Issue broken = issue("a: 1\nsecret: *hidden");
  EXPECT_EQ(broken.message, "is not valid YAML or JSON");
  EXPECT_EQ(broken.reason, "NotYaml");
  EXPECT_EQ(broken.location.line, 2);
  EXPECT_EQ(issue(std::string(100'000, '[')).reason, "NotYaml");
}

TEST(DataIndex, LayoutsGiveNamesAndKeys) {
  DataIndex index(DataKind::kSecret, "/secrets");
  index.Update("tls/tls.crt", "C");
  index.Update("tls/tls.key", "K");
  index.Update("prod/tls/tls.crt", "P");
  index.Update("flat.yaml", "a: b");
  const Batch batch = Flush(index);
  ASSERT_THAT(batch.data, SizeIs(3));
  EXPECT_THAT(batch.places, IsEmpty());
  EXPECT_EQ(batch.data[0].first, DataKind::kSecret);
  EXPECT_EQ(batch.data[0].second.key, (model::DataKey{"default", "flat"}));
  EXPECT_EQ(batch.data[1].second.key, (model::DataKey{"default", "tls"}));
  EXPECT_THAT(batch.data[1].second.data->data, ElementsAre(Pair("tls.crt", "C"), Pair("tls.key", "K")));
  EXPECT_EQ(batch.data[2].second.key, (model::DataKey{"prod", "tls"}));
  EXPECT_EQ(index.size(), 3u);

  index.Update("tls/tls.crt", "C");
  EXPECT_THAT(Flush(index).data, IsEmpty());
  index.Remove("tls/tls.key");
  EXPECT_THAT(Flush(index).data[0].second.data->data, ElementsAre(Pair("tls.crt", "C")));
  index.Remove("tls/tls.crt");
  EXPECT_EQ(Flush(index).data[0].second.data, nullptr);
}

TEST(DataIndex, FilesInTheWrongPlaceAreTold) {
  DataIndex index(DataKind::kSecret, "/secrets");
  index.Update("tls.crt", "C");
  index.Update("a/b/c/d", "C");
  const Batch batch = Flush(index);
  EXPECT_THAT(batch.data, IsEmpty());
  ASSERT_THAT(batch.places, SizeIs(2));
  EXPECT_EQ(batch.places[0].place, "/secrets/a/b/c/d");
  EXPECT_EQ(batch.places[0].issues[0].message, "is too deep: the layout is NAME/KEY or NAMESPACE/NAME/KEY");
  EXPECT_EQ(batch.places[1].issues[0].severity, Severity::kWarning);
  EXPECT_EQ(batch.places[1].issues[0].reason, "Misplaced");
}

TEST(DataIndex, WhatCannotBeReadKeepsWhatItWas) {
  DataIndex index(DataKind::kArtifact, "/a");
  index.Update("x/k", "1");
  index.Update("flat.yaml", "k: v");
  Flush(index);
  index.SetUnreadable("x/k", Issue{.reason = "Unreadable"});
  index.Update("flat.yaml", "k: [v]");
  Batch batch = Flush(index);
  EXPECT_THAT(batch.data, IsEmpty());
  EXPECT_THAT(batch.places, SizeIs(2));
  EXPECT_EQ(batch.places[0].issues[0].message,
            "the value of \"k\" must be a string; what it held before stays in force");
  index.SetUnreadable("x/k", std::nullopt);
  index.Update("flat.yaml", "k: w");
  batch = Flush(index);
  EXPECT_THAT(batch.data, SizeIs(1));
  EXPECT_THAT(batch.places, SizeIs(2));
  EXPECT_THAT(batch.places[0].issues, IsEmpty());
  // What never could be read gives nothing at all.
  index.SetUnreadable("new/k", Issue{.reason = "Unreadable"});
  EXPECT_THAT(Flush(index).data, IsEmpty());
}

TEST(DataIndex, TwoFilesForOneKeyAreTold) {
  DataIndex index(DataKind::kSecret, "/s");
  index.Update("x.yaml", "k: flat");
  index.Update("x/k", "folder");
  const Batch batch = Flush(index);
  ASSERT_THAT(batch.data, SizeIs(1));
  EXPECT_THAT(batch.data[0].second.data->data, ElementsAre(Pair("k", "flat")));
  ASSERT_THAT(batch.places, SizeIs(1));
  EXPECT_EQ(batch.places[0].place, "/s/x/k");
  EXPECT_EQ(batch.places[0].issues[0].message,
            "\"k\" of default/x is already given by another file; this one is left out");
}

}  // namespace
}  // namespace gloo::sources::file
