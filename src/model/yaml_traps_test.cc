// The traps of YAML: each is read as its writer meant, or refused in words that say what to write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/strings.h"
#include "model/reader.h"
#include "model/reading_test.h"
#include "src/model/testdata/test_plugin.pb.h"

namespace gloo::model {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kRole = "apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: {name: a}\nspec: {}\n";

test::EverythingSpec Read(std::string_view fields) {
  test::EverythingSpec spec;
  const ObjectPtr object = ReadOne(Everything(fields));
  EXPECT_TRUE(object != nullptr && object->upstream().spec().UnpackTo(&spec));
  return spec;
}

TEST(YamlTraps, TextStaysTextAsItIsWritten) {
  for (std::string_view text :
       {"n",   "y",    "no",       "yes",        "on", "off", "No", "true", "12",      "012", "1_000", "0x1F",
        "1e3", "1.10", "12:30:45", "2026-01-31", ".5", "--",  "=",  "~x",   "nullish", "a:b", "a#b"}) {
    EXPECT_EQ(Read(StrCat("text: ", text)).text(), text);
    EXPECT_EQ(Read(StrCat("text: '", text, "'")).text(), text);
  }
}

TEST(YamlTraps, RefusesLooseBooleans) {
  EXPECT_THAT(IssuesOf(Everything("flag: yes")),
              ElementsAre("7:11: error: spec.spec.flag: must be true or false, not \"yes\"; write true (WrongType)"));
  EXPECT_THAT(IssuesOf(Everything("flag: n")),
              ElementsAre("7:11: error: spec.spec.flag: must be true or false, not \"n\"; write false (WrongType)"));
  EXPECT_THAT(IssuesOf(Everything("flag: \"true\"")),
              ElementsAre("7:11: error: spec.spec.flag: must be true or false, not \"true\"; write true without quotes "
                          "(WrongType)"));
  EXPECT_THAT(IssuesOf(Everything("flag: 2")),
              ElementsAre("7:11: error: spec.spec.flag: must be true or false, not \"2\" (WrongType)"));
  EXPECT_TRUE(Read("flag: true").flag());
  EXPECT_TRUE(Read("flag: TRUE").flag());
}

TEST(YamlTraps, NothingMeansNotWritten) {
  for (std::string_view nothing : {"", "~", "null", "Null", "NULL"}) {
    EXPECT_EQ(Read(StrCat("text: ", nothing, "\nmaybe: ", nothing)).ByteSizeLong(), 0u);
  }
  EXPECT_THAT(IssuesOf(Everything("words: [a, null]")),
              ElementsAre("7:16: error: spec.spec.words[1]: must not be empty; remove the item (WrongType)"));
  EXPECT_THAT(IssuesOf(Everything("words:\n- a\n-\n")),
              ElementsAre("9:5: error: spec.spec.words[1]: must not be empty; remove the item (WrongType)"));
}

TEST(YamlTraps, RefusesTabs) {
  EXPECT_THAT(IssuesOf("kind: Role\nspec:\n\tlisteners: []\n"),
              ElementsAre("3:1: error: indented with a tab; use spaces (TabIndent)"));
  EXPECT_THAT(IssuesOf("kind: Role\nspec:\n  listeners:\n  \t- a\n"),
              ElementsAre("4:3: error: indented with a tab; use spaces (TabIndent)"));
}

TEST(YamlTraps, AnchorsAndAliasesWork) {
  const test::EverythingSpec spec =
      Read("words: &w [a, b]\ninner:\n  words: *w\n  text: &t x\nnested:\n  k: {text: *t}");
  EXPECT_THAT(spec.inner().words(), ElementsAre("a", "b"));
  EXPECT_EQ(spec.nested().at("k").text(), "x");
  EXPECT_THAT(
      IssuesOf(Everything("text: *x")),
      ElementsAre("7:11: error: spec.spec.text: the alias names an anchor that is not above it; quote text that "
                  "begins with \"*\" (InvalidAlias)"));
  EXPECT_THAT(IssuesOf(Everything("inner: &x {inner: *x}")),
              ElementsAre("7:23: error: spec.spec.inner.inner: the alias stands inside of what it names "
                          "(InvalidAlias)"));
}

TEST(YamlTraps, MergeKeysWork) {
  const test::EverythingSpec spec = Read(
      "nested:\n  base: &b {text: base, count: 1}\n  more: &m {count: 2, flag: true}\n"
      "inner:\n  <<: [*b, *m]\n  text: own");
  EXPECT_EQ(spec.inner().text(), "own");
  EXPECT_EQ(spec.inner().count(), 1u);
  EXPECT_TRUE(spec.inner().flag());
  EXPECT_THAT(IssuesOf(Everything("inner:\n  <<: text")),
              ElementsAre("8:7: error: spec.spec.inner: \"<<\" takes a mapping or a list of mappings, such as *name "
                          "(InvalidMerge)"));
}

TEST(YamlTraps, StopsAliasBombs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    StrAppend(&text, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) StrAppend(&text, j ? ", *a" : "*a", i - 1);
    text += "]\n";
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(
      IssuesOf(text),
      ElementsAre("7:10: error: a6[0]: the document has more than 2000000 values once its aliases are expanded; "
                  "write fewer aliases of aliases (TooManyNodes)"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(YamlTraps, StopsAliasBombsOfText) {
  constexpr std::string_view kMessage =
      "the aliases of the file stand for more than 33554432 bytes of text; write fewer aliases of long texts "
      "(AliasesTooLarge)";
  const std::string text(500'000, 'x');
  std::string bomb = StrCat("domains:\n- &s ", text, "\n");
  for (int i = 0; i < 20'000; ++i) bomb += "- *s\n";
  EXPECT_THAT(IssuesOf(bomb), ElementsAre(StrCat("70:3: error: domains[68]: ", kMessage)));
  // Keys are text too, and so is what an aliased list or mapping holds.
  bomb = StrCat("a: &a {? \"", text, "\" : 1}\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: [");
  for (int i = 0; i < 8; ++i) bomb += i ? ", *b" : "*b";
  EXPECT_THAT(IssuesOf(bomb + "]\n"), ElementsAre(StrCat("3:33: error: c[7]: ", kMessage)));
}

TEST(YamlTraps, CountsDepthThroughAliases) {
  // 40 levels, and 40 that hold them: only the alias joins the two.
  const std::string open(40, '[');
  const std::string close(40, ']');
  const std::string deep = StrCat("a: &a ", open, close, "\nb: ");
  EXPECT_THAT(
      IssuesOf(StrCat(deep, open, "*a", close, "\n")),
      ElementsAre(AllOf(StartsWith("2:44: error: b[0][0]"), EndsWith("nested deeper than 64 levels (TooDeep)"))));
  // The mapping, 23 lists and the 40 of the alias are 64.
  const std::string outer(24, '[');
  EXPECT_THAT(IssuesOf(StrCat(deep, outer.substr(1), "*a", std::string(23, ']'), "\n")),
              Not(Contains(HasSubstr("TooDeep"))));
  EXPECT_THAT(IssuesOf(StrCat(deep, outer, "*a", std::string(24, ']'), "\n")), Contains(HasSubstr("TooDeep")));
}

TEST(YamlTraps, RefusesLargeFilesUnread) {
  const std::string text(50 << 20, '[');
  const FileResult result = ReadTest(text);
  EXPECT_FALSE(result.readable);
  ASSERT_EQ(result.issues.size(), 1u);
  EXPECT_EQ(ToString(result.issues[0]),
            "f.yaml: error: has 52428800 bytes; at most 33554432 are read; spread the objects over several files "
            "(TooLarge)");
}

TEST(YamlTraps, RefusesDeepNesting) {
  const std::string message = ": nested deeper than 64 levels (TooDeep)";
  const std::string lists = StrCat("a: ", std::string(100'000, '['));
  std::vector<std::string> issues = IssuesOf(lists);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_TRUE(issues[0].starts_with("1:67: error: a[0][0]")) << issues[0];
  EXPECT_TRUE(issues[0].ends_with(message)) << issues[0];
  issues = IssuesOf(std::string(100'000, '['));
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_TRUE(issues[0].starts_with("1:65: error: [0][0]")) << issues[0];
  std::string block;
  for (int i = 0; i < 1000; ++i) StrAppend(&block, std::string(i, ' '), "a:\n");
  issues = IssuesOf(block);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_TRUE(issues[0].starts_with("65:65: error: a.a.a")) << issues[0];
  EXPECT_TRUE(issues[0].ends_with(message)) << issues[0];
  issues = IssuesOf(StrCat(std::string(100'000, '-'), "\n", std::string(2'000, ' '), "- - - -"));
  EXPECT_EQ(issues.size(), 1u);
}

TEST(YamlTraps, RefusesWhatIsNotUtf8) {
  EXPECT_THAT(IssuesOf("kind: Role\nname: \xc3\xa4\xff\n"),
              ElementsAre("2:8: error: not UTF-8: byte 0xff at offset 19 (InvalidEncoding)"));
  EXPECT_THAT(IssuesOf("\xff\xfek\0i\0"),
              ElementsAre("1:1: error: not UTF-8: byte 0xff at offset 0 (InvalidEncoding)"));
  EXPECT_THAT(IssuesOf("a: \xed\xa0\x80\n"),
              ElementsAre("1:4: error: not UTF-8: byte 0xed at offset 3 (InvalidEncoding)"));
  EXPECT_THAT(IssuesOf("a: \xc0\xaf\n"), ElementsAre("1:4: error: not UTF-8: byte 0xc0 at offset 3 (InvalidEncoding)"));
  // yaml-cpp takes this byte for the end of the text.
  EXPECT_THAT(IssuesOf("a: b\x04"
                       "c\n"),
              ElementsAre("1:5: error: control character 0x04 at offset 4; remove it, or write it as \"\\x04\" in "
                          "double quotes (InvalidCharacter)"));
}

TEST(YamlTraps, CountsColumnsInCharacters) {
  EXPECT_THAT(IssuesOf(Everything("nested: {\"\xc3\xa4\xe2\x82\xac\": {flag: yes}}")),
              ElementsAre("7:27: error: spec.spec.nested[\"\xc3\xa4\xe2\x82\xac\"].flag: must be true or false, not "
                          "\"yes\"; write true (WrongType)"));
}

TEST(YamlTraps, TakesByteOrderMarksAndCarriageReturns) {
  EXPECT_NE(ReadOne(StrCat("\xef\xbb\xbf", kRole)), nullptr);
  std::string text;
  for (char c : Everything("text: a\nfree: {a: 'b'}\nwords:\n- x\n- y # c\n")) {
    if (c == '\n') text += '\r';
    text += c;
  }
  const ObjectPtr object = ReadOne(text);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->hash, ReadOne(Everything("text: a\nfree: {a: 'b'}\nwords:\n- x\n- y # c\n"))->hash);
}

TEST(YamlTraps, RefusesTags) {
  EXPECT_THAT(
      IssuesOf(Everything("text: !Ref x\nfree: !!python/object {}")),
      ElementsAre("7:11: error: spec.spec.text: the tag \"!Ref\" means nothing here; remove it (UnsupportedTag)",
                  "8:11: error: spec.spec.free: the tag \"tag:yaml.org,2002:python/object\" means nothing here; "
                  "remove it (UnsupportedTag)"));
  EXPECT_EQ(Read("text: !!str 5\ncount: !!int 5").count(), 5u);
}

TEST(YamlTraps, RefusesKeysThatAreNoText) {
  EXPECT_THAT(
      IssuesOf(Everything("? [a]\n: b")),
      ElementsAre("7:7: error: spec.spec.?: a key must be text, not a list or a mapping (InvalidKey)",
                  "7:7: error: spec.spec.?: unknown field \"?\"; known: text, flag, small, large, count, total, "
                  "ratio, share, blob, policy, ... (UnknownField)"));
}

TEST(YamlTraps, ExplainsMistakesOfSyntax) {
  EXPECT_THAT(IssuesOf("a: b: c\n"),
              ElementsAre("1:5: error: not YAML: a mapping cannot begin here; check the indentation, and quote text "
                          "that holds \": \" (SyntaxError)"));
  EXPECT_THAT(IssuesOf("a:\n  b: 1\n c: 2\n"),
              ElementsAre("3:2: error: not YAML: the indentation matches no line above (SyntaxError)"));
  EXPECT_THAT(IssuesOf("a: [1, 2\nb: 3\n"), ElementsAre("2:2: error: not YAML: a \"]\" is missing (SyntaxError)"));
  EXPECT_THAT(IssuesOf("a: @b\n"),
              ElementsAre("1:4: error: not YAML: text cannot begin with \"@\"; quote it (SyntaxError)"));
  for (std::string_view text : {"- a\nb: 1\n", "- a\n, b\n"}) {
    EXPECT_THAT(IssuesOf(text),
                ElementsAre("2:1: error: not YAML: this belongs to nothing above; check the indentation, or begin a "
                            "document with \"---\" (SyntaxError)"));
  }
  EXPECT_THAT(IssuesOf("a: b\n...\n,"),
              ElementsAre("3:1: error: not YAML: this belongs to nothing above; check the indentation, or begin a "
                          "document with \"---\" (SyntaxError)"));
  EXPECT_THAT(IssuesOf(",a*x\n"),
              ElementsAre("1:1: error: not YAML: this belongs to nothing above; check the indentation, or begin a "
                          "document with \"---\" (SyntaxError)"));
  EXPECT_THAT(IssuesOf("a: 1\nb: \"x\nc: 3\n"),
              ElementsAre("2:4: error: not YAML: the text is not closed: a quote is missing (SyntaxError)"));
  EXPECT_THAT(IssuesOf("a: 'it''s\n"),
              ElementsAre("1:4: error: not YAML: the text is not closed: a quote is missing (SyntaxError)"));
}

TEST(YamlTraps, ExplainsMistakesOfJson) {
  EXPECT_THAT(IssuesOf("{\"a\": 1\n \"b\": 2}"),
              ElementsAre("2:2: error: not JSON: a \",\" or \"}\" should be here (SyntaxError)"));
  EXPECT_THAT(IssuesOf("{\"a\": [1, 2"), ElementsAre("1:12: error: not JSON: a \"]\" is missing (SyntaxError)"));
  EXPECT_THAT(IssuesOf("{\"a\": \"b"),
              ElementsAre("1:9: error: not JSON: the text is not closed: a '\"' is missing (SyntaxError)"));
  EXPECT_THAT(IssuesOf("{\"a\": \"\\ud800x\"}"),
              ElementsAre("1:14: error: not JSON: half of a surrogate pair (SyntaxError)"));
}

TEST(YamlTraps, BracesBeginYamlToo) {
  EXPECT_NE(ReadOne("{apiVersion: gloo.solo.io/v1, kind: Role, metadata: {name: a}, spec: {}}\n"), nullptr);
  const FileResult several =
      ReadTest(R"({"apiVersion": "gloo.solo.io/v1", "kind": "Role", "metadata": {"name": "a"}, "spec": {}}
{"apiVersion": "gloo.solo.io/v1", "kind": "Role", "metadata": {"name": "\ud83d\ude00"}, "spec": {}}
)");
  ASSERT_EQ(several.documents.size(), 2u);
  EXPECT_EQ(several.documents[1].key->name, "\xf0\x9f\x98\x80");
  EXPECT_NE(several.documents[0].object, nullptr);
}

}  // namespace
}  // namespace gloo::model
