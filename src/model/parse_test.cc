// The quick parser reads what yaml-cpp reads, or nothing.
#include "model/parse.h"

#include <gtest/gtest.h>

#include <string>

#include "model/test_trees.h"

namespace gloo::model {
namespace {

// Both parsers' trees agree; whether the quick one took the text.
bool TakenAndAgreed(std::string_view text) {
  const std::string quick = TreeText(text, ParseCommonYaml);
  if (quick.empty()) return false;
  EXPECT_EQ(quick, TreeText(text, ParseYaml)) << text;
  return true;
}

TEST(CommonYaml, AgreesWithYamlCpp) {
  const std::string_view taken[] = {
      "a: 1\n",
      "a: 1",
      "a:\n  b: c\n  d:\n    e: f\ng: h\n",
      "a:\n- b\n- c: d\n  e: f\n-\n  g: h\n- - i\n  - j\n- k\nl: m\n",
      "a:\n  - b\n  -\n  - c\nd:\n",
      "- a\n- b: c\n- - - d\n",
      "a: \"x \\\" \\n \\\\ \\/\"\nb: 'it''s'\n\"c d\": e\n'f': g\n",
      "a: b # c\n# d\n\n  # e\nf: g#h\ni: '#' # j\n",
      "a: [b, c, \"d\", [e], {f: g, h: [i]}]\nj: {}\nk: []\n",
      "a: [\n  b,\n  c\n ]\nd: {\n  e: f,\n  g: h }\n",
      "a: |\n  x\n   y\n\n  z\nb: |-\n  x\n\nc: |+\n  x\n\nd: e\n",
      "a:\n- |\n  x\n- b: |-\n    y\n  c: d\n",
      "a: ~\nb: null\nc:\nd: Null\n~: e\n",
      "---\na: b\n---\nc: d\n",
      "--- # x\na: b\n---\n",
      "a: b\r\nc:\r\n  d: e\r\n\r\n",
      "http://x: y\na: http://x:80/b?c=d&e\nb: x*y\nc: a, b\n",
      "\xc3\xa4: \xe2\x82\xac x\n",
      "a : b\nc:  d  \n",
      "a: -1\nb: -x\nc: --\n",
  };
  for (std::string_view text : taken) EXPECT_TRUE(TakenAndAgreed(text)) << text;
}

TEST(CommonYaml, LeavesTheRestToYamlCpp) {
  const std::string_view left[] = {
      "a: &x b\n",     "a: *x\n",         "a: !x b\n",    "? a\n: b\n",
      "a: >\n  b\n",   "a: b\n  c\n",     "a:\n\tb: c\n", "%YAML 1.2\n---\na: b\n",
      "a: b: c\n",     "a: \"b\n  c\"\n", "a: [b\n",      "a: \"\\u00e4\"\n",
      "a: b\n c: d\n", "text\n",          "a: |2\n  b\n", "a: @b\n",
      "a\nb: c\n",     "a: 'b' c\n",      "--- a\n",      "a: b\n...\n",
  };
  for (std::string_view text : left) EXPECT_EQ(TreeText(text, ParseCommonYaml), "") << text;
}

}  // namespace
}  // namespace gloo::model
