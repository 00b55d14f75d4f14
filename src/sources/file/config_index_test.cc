// Who holds an object, on results of a reader made by hand.
#include "sources/file/config_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace gloo::sources::file {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

model::ObjectKey Key(const std::string& name) { return {model::Kind::kRole, "default", name}; }

model::ReadResult Good(const std::string& name, const std::string& hash = "1") {
  auto object = std::make_shared<model::Object>();
  object->key = Key(name);
  object->hash = hash;
  v1::Role role;
  role.mutable_metadata()->set_name(name);
  object->body = model::Body(std::move(role));
  return {.key = object->key, .object = std::move(object)};
}

model::ReadResult Wrong(std::optional<model::ObjectKey> key, const std::string& reason = "UnknownField") {
  return {.key = std::move(key), .issues = {{.reason = reason, .message = "m"}}};
}

model::FileResult File(std::vector<model::ReadResult> documents) {
  for (size_t i = 0; i < documents.size(); ++i) {
    if (!documents[i].object) continue;
    auto placed = std::make_shared<model::Object>(*documents[i].object);
    placed->origin.document = static_cast<int>(i);
    documents[i].object = std::move(placed);
  }
  return {.readable = true, .documents = std::move(documents)};
}

class ConfigIndexTest : public testing::Test {
 protected:
  // Events in a word each.
  std::vector<std::string> Flush(int64_t now = 1000) {
    Batch batch;
    index_.Flush(now, batch);
    std::vector<std::string> out;
    for (const ObjectEvent& event : batch.objects) {
      out.push_back(StrCat(event.removed ? "removed " : event.object ? "good " : "wrong ", event.key.name));
      if (event.object) objects_[event.key.name] = event.object;
    }
    for (const PlaceEvent& event : batch.places) {
      out.push_back(StrCat(event.issues.empty() ? "well " : event.unread ? "unread " : "ill ", event.place));
    }
    return out;
  }
  ConfigIndex index_{"test"};
  std::map<std::string, model::ObjectPtr> objects_;
};

TEST_F(ConfigIndexTest, AgesAscendByFileAndDocumentAndLast) {
  index_.Update("b", File({Good("z")}));
  index_.Update("a", File({Good("y"), Good("x")}));
  EXPECT_THAT(Flush(1000), ElementsAre("good y", "good x", "good z"));
  EXPECT_EQ(objects_["y"]->created, 1000);
  EXPECT_EQ(objects_["x"]->created, 1001);
  EXPECT_EQ(objects_["z"]->created, 1002);
  EXPECT_EQ(objects_["z"]->origin.source, "test");
  // Not before what is there already, even when the clock says so.
  index_.Update("c", File({Good("w")}));
  EXPECT_THAT(Flush(500), ElementsAre("good w"));
  EXPECT_EQ(objects_["w"]->created, 1003);
  index_.Update("b", File({Good("z", "2")}));
  EXPECT_THAT(Flush(9000), ElementsAre("good z"));
  EXPECT_EQ(objects_["z"]->created, 1002);
}

TEST_F(ConfigIndexTest, AnAgeFromTheFileIsKept) {
  model::ReadResult old = Good("a");
  auto dated = std::make_shared<model::Object>(*old.object);
  dated->created = 7;
  old.object = dated;
  index_.Update("f", File({old}));
  Flush();
  EXPECT_EQ(objects_["a"]->created, 7);
}

TEST_F(ConfigIndexTest, OnlyWhatIsNewIsTold) {
  index_.Update("f", File({Good("a"), Good("b")}));
  Flush();
  index_.Update("f", File({Good("a"), Good("b")}));
  EXPECT_THAT(Flush(), IsEmpty());
  // Labels are no part of the hash.
  model::ReadResult labelled = Good("a");
  auto object = std::make_shared<model::Object>(*labelled.object);
  v1::Role role = object->body.role();
  (*role.mutable_metadata()->mutable_labels())["k"] = "v";
  object->body = model::Body(std::move(role));
  labelled.object = object;
  index_.Update("f", File({labelled, Good("b")}));
  EXPECT_THAT(Flush(), ElementsAre("good a"));
  // Another place in the file, another origin.
  index_.Update("f", File({Good("b"), labelled}));
  EXPECT_THAT(Flush(), ElementsAre("good b", "good a"));
  model::ReadResult warned = labelled;
  warned.issues = {{.severity = Severity::kWarning, .reason = "W"}};
  index_.Update("f", File({Good("b"), warned}));
  EXPECT_THAT(Flush(), ElementsAre("good a"));
}

TEST_F(ConfigIndexTest, AnObjectThatMovesIsNeverGone) {
  index_.Update("a", File({Good("o")}));
  Flush();
  index_.Update("a", File({}));
  index_.Update("b", File({Good("o")}));
  EXPECT_THAT(Flush(), IsEmpty());  // made by hand, both have the same origin
  index_.Leaving("b");
  EXPECT_THAT(Flush(), IsEmpty());
  index_.Update("c", File({Good("o")}));
  index_.Remove("b");
  EXPECT_THAT(Flush(), IsEmpty());
  index_.Remove("c");
  EXPECT_THAT(Flush(), ElementsAre("removed o"));
}

TEST_F(ConfigIndexTest, AFileThatReturnsDoesNotTakeBackWhatAnotherHasTakenOver) {
  index_.Update("a", File({Good("o", "1")}));
  index_.Update("b", File({Good("o", "2")}));
  EXPECT_THAT(Flush(), ElementsAre("good o", "ill b"));
  index_.Leaving("a");
  EXPECT_THAT(Flush(), ElementsAre("good o", "well b"));
  EXPECT_EQ(objects_["o"]->hash, "2");
  index_.Update("a", File({Good("o", "1")}));
  EXPECT_THAT(Flush(), ElementsAre("ill a"));
}

TEST_F(ConfigIndexTest, WhatMayHideInADocumentWithoutNameIsKeptUntilAnotherFileHasIt) {
  index_.Update("a", File({Good("o"), Good("p")}));
  Flush();
  index_.Update("a", File({Good("p"), Wrong(std::nullopt)}));
  EXPECT_THAT(Flush(), ElementsAre("good p", "unread a"));
  index_.Update("b", File({Good("o", "2")}));
  EXPECT_THAT(Flush(), ElementsAre("good o"));
  EXPECT_EQ(objects_["o"]->hash, "2");
}

TEST_F(ConfigIndexTest, TheSecondOfOneNameInAFileHidesNothing) {
  index_.Update("a", File({Good("o"), Good("p")}));
  Flush();
  index_.Update("a", File({Good("o"), Wrong(std::nullopt, "DuplicateName")}));
  EXPECT_THAT(Flush(), ElementsAre("removed p", "ill a"));
}

TEST_F(ConfigIndexTest, AFileThatDoesNotParseHoldsWhatItHeld) {
  index_.Update("a", File({Good("o")}));
  Flush();
  index_.Update("a", {.readable = false, .issues = {{.reason = "NotYaml"}}});
  EXPECT_THAT(Flush(), ElementsAre("unread a"));
  index_.SetUnreadable("a", Issue{.reason = "Unreadable"});
  EXPECT_TRUE(index_.IsUnreadable("a"));
  index_.Remove("a");
  EXPECT_THAT(Flush(), ElementsAre("removed o", "well a"));
}

TEST_F(ConfigIndexTest, AWrongObjectHoldsItsNameToo) {
  index_.Update("a", File({Wrong(Key("o"))}));
  index_.Update("b", File({Good("o")}));
  EXPECT_THAT(Flush(), ElementsAre("wrong o", "ill b"));
  index_.Update("a", File({}));
  EXPECT_THAT(Flush(), ElementsAre("good o", "well b"));
}

}  // namespace
}  // namespace gloo::sources::file
