#include "descriptors/descriptors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "descriptors/testing/compile.h"

namespace gloo::descriptors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kShop[] = R"(
syntax = "proto3";
package shop;
import "google/api/annotations.proto";
import "people.proto";
// A comment.
message Book {
  message Id { string isbn = 1; }
  enum Kind { NOVEL = 0; ESSAY = 1; }
  message Unused { int32 a = 1; }
  Id id = 1;
  optional Kind kind = 2;
  people.Person.Name author = 3;
  map<string, int64> sales = 4;
  oneof more { string note = 5; bytes raw = 6; }
  repeated int32 pages = 7 [packed = false, deprecated = true];
}
message GetBook { string isbn = 1; }
message Order { people.Address address = 1; }
message SoldOut { string isbn = 1; Fact fact = 2; }
message Fact { string text = 1; }
service Books {
  rpc Get(GetBook) returns (Book) { option (google.api.http) = { get: "/v1/books/{isbn}" }; }
  rpc Buy(Order) returns (Book);
}
)";
constexpr char kPeople[] = R"(
syntax = "proto3";
package people;
message Person { message Name { string text = 1; } Name name = 1; Address home = 2; }
message Address { string street = 1; }
)";

struct Read {
  std::shared_ptr<const DescriptorSet> set;
  std::vector<std::string> issues;
};

std::vector<std::string> Texts(const Issues& issues) {
  std::vector<std::string> texts;
  for (const Issue& issue : issues.items()) texts.push_back(ToString(issue));
  return texts;
}

Read ReadSet(const std::string& bytes, size_t most = kMaxBytes) {
  Issues issues;
  Read read;
  read.set = DescriptorSet::Read(bytes, most, issues);
  read.issues = Texts(issues);
  return read;
}

std::string Shop(bool with_imports = true) {
  return CompileProtos({{"shop.proto", kShop}, {"people.proto", kPeople}}, with_imports);
}

std::string Raw(const google::protobuf::FileDescriptorSet& set) { return set.SerializeAsString(); }

google::protobuf::FileDescriptorProto& Add(google::protobuf::FileDescriptorSet& set, const std::string& name,
                                           const std::string& package = "") {
  auto* file = set.add_file();
  file->set_name(name);
  if (!package.empty()) file->set_package(package);
  return *file;
}

TEST(DescriptorSetTest, FindsWhatIsThere) {
  const Read read = ReadSet(Shop());
  ASSERT_THAT(read.issues, IsEmpty());
  EXPECT_THAT(read.set->services(), ElementsAre("shop.Books"));
  EXPECT_NE(read.set->Method("shop.Books", "Get"), nullptr);
  EXPECT_EQ(read.set->Method("shop.Books", "get"), nullptr);
  EXPECT_EQ(read.set->Method("Books", "Get"), nullptr);
  EXPECT_TRUE(read.set->HasMessage("shop.Book.Id"));
  EXPECT_FALSE(read.set->HasMessage("shop.Book.Kind"));
  EXPECT_EQ(read.set->CheckFieldPath("shop.Book", {"id", "isbn"}), "");
  EXPECT_EQ(read.set->CheckFieldPath("shop.Book", {"id", "no"}), "message \"shop.Book.Id\" has no field \"no\"");
  EXPECT_EQ(read.set->CheckFieldPath("shop.Book", {"note", "x"}),
            "field \"note\" of message \"shop.Book\" is no message");
  EXPECT_EQ(CheckBinding(*read.set, "shop.GetBook", "shop.Book", {"GET", "/b/{isbn}", "", ""}), "");
  EXPECT_EQ(CheckBinding(*read.set, "shop.GetBook", "shop.Book", {"GET", "/b/{id}", "", ""}),
            "path \"/b/{id}\": message \"shop.GetBook\" has no field \"id\"");
  EXPECT_EQ(CheckBinding(*read.set, "shop.GetBook", "shop.Book", {"PUT", "/b", "book", ""}),
            "body: message \"shop.GetBook\" has no field \"book\"");
}

TEST(DescriptorSetTest, APartHasWhatAMethodNeedsAndNoMore) {
  const Read read = ReadSet(Shop());
  Issues issues;
  const auto part = read.set->Part({{"shop.Books", {{"Get", {{"POST", "/x", "*", ""}}}}}}, {}, issues);
  ASSERT_THAT(Texts(issues), IsEmpty());
  std::map<std::string, google::protobuf::FileDescriptorProto> files;
  for (const auto& file : part.file()) files[file.name()] = file;
  const auto& shop = files.at("shop.proto");
  EXPECT_THAT(shop.dependency(), ElementsAre("people.proto"));
  std::vector<std::string> messages;
  for (const auto& message : shop.message_type()) messages.push_back(message.name());
  // Nothing but an Any can hold SoldOut, which brings Fact along.
  EXPECT_THAT(messages, UnorderedElementsAre("Book", "GetBook", "SoldOut", "Fact"));
  const auto& book = shop.message_type(0);
  EXPECT_THAT(book.nested_type_size(), 2);  // Id and SalesEntry
  EXPECT_TRUE(book.nested_type(1).options().map_entry());
  EXPECT_EQ(book.field(6).options().ShortDebugString(), "packed: false");
  ASSERT_EQ(shop.service_size(), 1);
  ASSERT_EQ(shop.service(0).method_size(), 1);
  EXPECT_EQ(shop.service(0).method(0).options().GetExtension(google::api::http).post(), "/x");
  EXPECT_FALSE(shop.has_source_code_info());
  const auto& people = files.at("people.proto");
  ASSERT_EQ(people.message_type_size(), 1);
  EXPECT_EQ(people.message_type(0).field_size(), 0);
  EXPECT_EQ(people.message_type(0).nested_type(0).name(), "Name");
  // What errors carry is there even where the set has none of it.
  EXPECT_TRUE(files.contains("google/rpc/error_details.proto"));
  EXPECT_TRUE(files.contains("google/rpc/status.proto"));
  EXPECT_FALSE(files.contains("google/api/annotations.proto"));
  CheckPart(part, issues);
  EXPECT_THAT(Texts(issues), IsEmpty());
  EXPECT_LT(part.ByteSizeLong(), 4000u);
}

TEST(DescriptorSetTest, TypesOfAnAnyAreKept) {
  const Read read = ReadSet(Shop());
  Issues issues;
  const auto part = read.set->Part({{"shop.Books", {{"Get", {}}}}}, {"shop.Order"}, issues);
  EXPECT_THAT(part.ShortDebugString(), HasSubstr("\"Order\""));
  CheckPart(part, issues);
  EXPECT_THAT(Texts(issues), IsEmpty());
}

TEST(DescriptorSetTest, MissingImportsAreNamedWhereTheyAreUsed) {
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(Shop()));
  google::protobuf::FileDescriptorSet alone;
  for (const auto& file : set.file()) {
    if (file.name() == "shop.proto") *alone.add_file() = file;
  }
  const Read read = ReadSet(Raw(alone));
  ASSERT_THAT(read.issues, IsEmpty());
  Issues issues;
  read.set->Part({{"shop.Books", {{"Get", {}}}}}, {}, issues);
  EXPECT_THAT(
      Texts(issues),
      ElementsAre("error: field \"shop.Book.author\": type \"people.Person.Name\" is not in the descriptor set; "
                  "was it made with protoc --include_imports? (MissingImport)"));
}

TEST(DescriptorSetTest, BrokenBytesHaveAPlace) {
  EXPECT_THAT(ReadSet("").issues, ElementsAre(HasSubstr("a descriptor set that is empty (BadDescriptors)")));
  EXPECT_THAT(ReadSet("hello").issues, ElementsAre(HasSubstr("no descriptor set: byte 0 starts no file of one")));
  EXPECT_THAT(ReadSet(kShop).issues, ElementsAre(HasSubstr("a .proto source, not a descriptor set: make one of it")));
  const std::string good = Shop();
  EXPECT_THAT(ReadSet(good.substr(0, good.size() - 5)).issues, ElementsAre(HasSubstr("starts no file of one")));
  std::string damaged = good;
  const size_t at = damaged.find("shop.proto") + 20;
  damaged.replace(at, 30, std::string(30, '\xff'));
  EXPECT_THAT(ReadSet(damaged).issues, ElementsAre(HasSubstr("cannot be read: it is damaged")));
  EXPECT_THAT(ReadSet(good, 100).issues, ElementsAre(HasSubstr("100 are the most")));
}

TEST(DescriptorSetTest, NamesOfWhatIsBuiltInMayBeTaken) {
  google::protobuf::FileDescriptorSet set;
  Add(set, "own/duration.proto", "google.protobuf").add_service()->set_name("Duration");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre());
  set.Clear();
  Add(set, "own/any.proto", "google.protobuf").add_enum_type()->set_name("Any");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre());
}

TEST(DescriptorSetTest, WhatCannotBeIsRefused) {
  google::protobuf::FileDescriptorSet set;
  Add(set, "a.proto", "p").add_message_type()->set_name("M");
  Add(set, "b.proto", "p").add_message_type()->set_name("M");
  EXPECT_THAT(ReadSet(Raw(set)).issues,
              ElementsAre("error: file \"b.proto\": \"p.M\" is in file \"a.proto\" too (BadDescriptors)"));
  set.mutable_file(1)->set_name("a.proto");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre(HasSubstr("file \"a.proto\" is there twice")));
  set.Clear();
  Add(set, "a.proto", "p..q");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre(HasSubstr("package \"p..q\" is no name")));
  set.Clear();
  Add(set, "a.proto").add_message_type()->set_name("a b");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre(HasSubstr("\"a b\" is no name")));
  set.Clear();
  auto* message = Add(set, "a.proto").add_message_type();
  for (int i = 0; i < 40; ++i) {
    message->set_name("M");
    message = message->add_nested_type();
  }
  message->set_name("M");
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre(HasSubstr("stands in more than 32 messages (TooDeep)")));
  set.Clear();
  for (int i = 0; i <= kMaxFiles; ++i) Add(set, "f" + std::to_string(i));
  EXPECT_THAT(ReadSet(Raw(set)).issues, ElementsAre(HasSubstr("more than 10000 files (TooLarge)")));
}

// Two files whose messages use each other: no order of files is right.
TEST(DescriptorSetTest, FilesThatImportEachOtherAreRefused) {
  google::protobuf::FileDescriptorSet set;
  const auto add = [&](const std::string& name, const std::string& other) {
    auto& file = Add(set, name + ".proto");
    auto* message = file.add_message_type();
    message->set_name(name);
    auto* field = message->add_field();
    field->set_name("other");
    field->set_number(1);
    field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    field->set_type(google::protobuf::FieldDescriptorProto::TYPE_MESSAGE);
    field->set_type_name("." + other);
    return &file;
  };
  add("A", "B");
  auto* method = add("B", "A")->add_service();
  method->set_name("S");
  auto* rpc = method->add_method();
  rpc->set_name("M");
  rpc->set_input_type(".A");
  rpc->set_output_type("B");
  const Read read = ReadSet(Raw(set));
  ASSERT_THAT(read.issues, IsEmpty());
  Issues issues;
  read.set->Part({{"S", {{"M", {}}}}}, {}, issues);
  EXPECT_THAT(Texts(issues), ElementsAre(HasSubstr("method \"S.M\": type \"B\" is no full name")));
  set.mutable_file(1)->mutable_service(0)->mutable_method(0)->set_output_type(".B");
  Issues circle;
  ReadSet(Raw(set)).set->Part({{"S", {{"M", {}}}}}, {}, circle);
  EXPECT_THAT(Texts(circle), ElementsAre(HasSubstr("it and what it imports import each other")));
}

TEST(DescriptorSetTest, WhatEnvoyWouldNotBuildIsFound) {
  google::protobuf::FileDescriptorSet set;
  auto* message = Add(set, "a.proto").add_message_type();
  message->set_name("M");
  for (const char* name : {"a", "b"}) {
    auto* field = message->add_field();
    field->set_name(name);
    field->set_number(1);
    field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    field->set_type(google::protobuf::FieldDescriptorProto::TYPE_INT32);
  }
  Issues issues;
  CheckPart(set, issues);
  EXPECT_THAT(Texts(issues),
              ElementsAre(HasSubstr("file \"a.proto\": \"M.b\": \"Field number 1 has already been used")));
}

// Our protobuf does not know them; Envoy's does.
TEST(DescriptorSetTest, EditionsPass) {
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(CompileProtos({{"people.proto", kPeople}})));
  auto* file = set.mutable_file(0);
  file->set_syntax("editions");
  file->GetReflection()->MutableUnknownFields(file)->AddVarint(14, 1000);
  auto* options = file->mutable_message_type(0)->mutable_field(0)->mutable_options();
  options->GetReflection()->MutableUnknownFields(options)->AddLengthDelimited(21)->assign("\x08\x02");
  auto* service = file->add_service();
  service->set_name("S");
  auto* method = service->add_method();
  method->set_name("M");
  method->set_input_type(".people.Person");
  method->set_output_type(".people.Person");
  const Read read = ReadSet(Raw(set));
  ASSERT_THAT(read.issues, IsEmpty());
  Issues issues;
  const auto part = read.set->Part({{"people.S", {{"M", {}}}}}, {}, issues);
  CheckPart(part, issues);
  EXPECT_THAT(Texts(issues), IsEmpty());
  EXPECT_THAT(part.ShortDebugString(), AllOf(HasSubstr("14: 1000"), HasSubstr("21 { 1: 2 }")));
}

}  // namespace
}  // namespace gloo::descriptors
