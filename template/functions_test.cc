// Every function, its results and its errors; limits; escaping by where values land.
#include <gtest/gtest.h>

#include "template/functions.h"
#include "template/test_support.h"

namespace gloo::tmpl {
namespace {

constexpr char kData[] = R"({
  "name": "Peter", "city": "new york", "names": ["Jeff", "Seb", "Peter", "Tom"], "temperature": 25.6789,
  "brother": {"name": "Chris", "daughters": ["Maria", "Helen"]}, "property": "name", "age": 29, "i": 1,
  "is_happy": true, "vars": [2, 3, 4, 0, -1, -2, -3], "nothing": null, "none": [], "quote": "a\"b\\c\nd",
  "unsafe": "a b/c?d=e&f#g%h+\u00e9", "amount": 12.50
})";

struct Case {
  const char* text;
  const char* result;
};

void Check(std::initializer_list<Case> cases, TemplateOptions options = {}) {
  for (const Case& c : cases) EXPECT_EQ(RenderText(c.text, kData, options), c.result) << "template: " << c.text;
}

TEST(Functions, OfInja) {
  Check({
      {"{{ at(names, 0) }} {{ at(names, i) }} {{ at(brother, \"name\") }} {{ at(at(brother, \"daughters\"), 0) }}",
       "Jeff Seb Chris Maria"},
      {"{{ at(names, 45) }}", "error: at() found no element 45"},
      {"{{ at(names, -1) }}", "error: at() found no element -1"},
      {"{{ at(name, 0) }}", "error: at() needs an array or an object, got a string"},
      {"{{ default(at(names, 45), \"d\") }} {{ default(at(nope, 1), \"e\") }}", "d e"},
      {"{{ capitalize(name) }} {{ capitalize(city) }} {{ capitalize(\"\") }}", "Peter New york "},
      {"{{ default(11, 0) }} {{ default(nix, 0) }} {{ default(name, \"x\") }} {{ default(nix, \"{{ nix }}\") }}",
       "11 0 Peter {{ nix }}"},
      {"[{{ default(nothing, 1) }}]", "[1]"},
      {"{{ default(brother.nope.deep, \"d\") }} {{ default(names[7], \"e\") }} {{ default(first(none), \"f\") }}",
       "d e f"},
      {"{{ default(last(nope), \"l\") }} {{ default(default(a, b), \"c\") }}", "l c"},
      {"{{ default(nix, lastname) }}", "error: variable \"lastname\" is missing"},
      {"{{ default(upper(nix), 1) }}", "error: variable \"nix\" is missing"},
      {"{{ divisibleBy(50, 5) }} {{ divisibleBy(11, 3) }} {{ divisibleBy(1, 0) }} {{ divisibleBy(3, -1) }}",
       "true false false true"},
      {"{{ divisibleBy(name, 2) }}", "error: divisibleBy() needs a number, got a string"},
      {"{{ even(11) }} {{ even(12) }} {{ odd(11) }} {{ odd(12) }} {{ odd(-3) }}", "false true true false true"},
      {"{{ even(1e300) }}", "error: even() got a number that is too large"},
      {"{{ exists(\"name\") }} {{ exists(\"zip\") }} {{ exists(name) }} {{ exists(property) }}",
       "true false false true"},
      {"{{ exists(\"brother.name\") }} {{ exists(\"brother.zip\") }} {{ exists(\"brother.\" + property) }}",
       "true false true"},
      {"{{ exists(\"\") }} {{ exists(\"a..b\") }}", "false false"},
      {"{% set v = 1 %}{{ exists(\"v\") }}{{ exists(lower(\"V\")) }}", "truetrue"},
      {"{{ exists(1) }}", "error: exists() needs a string, got a number"},
      {"{{ existsIn(brother, \"name\") }} {{ existsIn(brother, \"parents\") }} {{ existsIn(brother, property) }} "
       "{{ existsIn(names, \"0\") }}",
       "true false true false"},
      {"{{ existsIn(sister, \"x\") }}", "error: variable \"sister\" is missing"},
      {"{{ existsIn(brother, 1) }}", "error: existsIn() needs the key as a string, got a number"},
      {"{{ first(names) }} {{ last(names) }}", "Jeff Tom"},
      {"{{ first(none) }}", "error: first() of an empty array"},
      {"{{ last(5) }}", "error: last() needs an array, got a number"},
      {"{{ float(\"2.2\") == 2.2 }} {{ float(\"-1.25\") == -1.25 }} {{ float(\" 3\") }} {{ float(4) }}",
       "true true 3.0 4.0"},
      {"{{ float(\"x\") }}", "error: float() needs a number, got \"x\""},
      {"{{ float(\"inf\") }}", "error: float() needs a number, got \"inf\""},
      {"{{ int(\"2\") == 2 }} {{ int(\"-1.25\") }} {{ int(\"12abc\") }} {{ int(\"+7\") }} {{ int(3.9) }} {{ int(5) }}",
       "true -1 12 7 3 5"},
      {"{{ int(\"\") }}", "error: int() needs a number, got \"\""},
      {"{{ int(1e30) }}", "error: int() got a number that is too large"},
      {"{{ int([]) }}", "error: int() needs a string or a number, got an array"},
      {"{{ isArray(vars) }}{{ isArray(name) }}{{ isBoolean(is_happy) }}{{ isBoolean(vars) }}", "truefalsetruefalse"},
      {"{{ isFloat(temperature) }}{{ isFloat(age) }}{{ isInteger(age) }}{{ isInteger(is_happy) }}",
       "truefalsetruefalse"},
      {"{{ isNumber(age) }}{{ isNumber(name) }}{{ isObject(brother) }}{{ isObject(vars) }}", "truefalsetruefalse"},
      {"{{ isString(name) }}{{ isString(names) }}{{ isNull(nothing) }}{{ isNull(age) }}", "truefalsetruefalse"},
      {"{{ isInteger(1 + 1) }}{{ isFloat(1 / 2) }}", "truetrue"},
      {"{{ join(names, \" | \") }} {{ join(vars, \", \") }}", "Jeff | Seb | Peter | Tom 2, 3, 4, 0, -1, -2, -3"},
      {"{{ join([], \",\") }}{{ join([[1], null], \",\") }}", "[1],null"},
      {"{{ join(name, \",\") }}", "error: join() needs an array, got a string"},
      {"{{ length(names) }} {{ length(name) }} {{ length(brother) }}", "4 5 2"},
      {"{{ length(5) }}", "error: length() needs a string, an array or an object, got a number"},
      {"{{ lower(name) }} {{ upper(city) }} {{ upper(\"\u00e4a\") }} {{ upper(5.0) }} {{ upper(true) }}",
       "peter NEW YORK \u00e4A 5.0 TRUE"},
      {"{{ upper(null) }}", "error: upper() needs a string, got null"},
      {"{{ max([1, 2, 3]) }} {{ max([-5.2, 100.2, 2.4]) }} {{ min([1, 2, 3]) }} {{ min([-5.2, 100.2]) }}",
       "3 100.2 1 -5.2"},
      {"{{ max([\"a\", \"c\", \"b\"]) }}", "c"},
      {"{{ max([]) }}", "error: max() of an empty array"},
      {"{{ min(name) }}", "error: min() needs an array, got a string"},
      {"{{ range(2) }} {{ range(0) }} {{ range(4) }}", "[0,1] [] [0,1,2,3]"},
      {"{{ range(name) }}", "error: range() needs a number, got a string"},
      {"{{ range(-1) }}", "error: range() needs a number that is not negative, got -1"},
      {"{{ replace(name, \"e\", \"3\") }} {{ replace(city, \" \", \"_\") }} {{ replace(name, \"\", \"x\") }}",
       "P3t3r new_york Peter"},
      {"{{ round(4, 0) }} {{ round(temperature, 2) }} {{ round(3.1415, 0) }} {{ round(3.1415, 3) }} {{ round(15, -1) "
       "}}",
       "4 25.68 3 3.142 20.0"},
      {"{{ round(-2.5, 0) }} {{ round(1e300, 5) }}", "-3 1e+300"},
      {"{{ round(1e999, 0) }}", "error: round() got a number that is too large"},
      {"{{ float(1e999) }}", "error: float() got a number that is too large"},
      {"{{ int(1e999) }}", "error: int() got a number that is too large"},
      {"{{ round(name, 2) }}", "error: round() needs a number, got a string"},
      {"{{ round(1, 999) }}", "error: round() cannot round to 999 digits"},
      {"{{ sort([3, 2, 1]) }} {{ sort([\"bob\", \"charlie\", \"alice\"]) }}",
       "[1,2,3] [\"alice\",\"bob\",\"charlie\"]"},
      {"{{ sort([\"a\", 1, [2], [1], null, true, 0.5]) }}", "[null,true,0.5,1,[1],[2],\"a\"]"},
      {"{{ sort(5) }}", "error: sort() needs an array, got a number"},
  });
}

TEST(Functions, Added) {
  Check({
      {"{{ base64_encode(name) }} {{ base64_encode(\"a\") }} {{ base64_encode(\"ab\") }} {{ base64_encode(\"\") }}",
       "UGV0ZXI= YQ== YWI= "},
      {"{{ base64_decode(\"UGV0ZXI=\") }} {{ base64_decode(\"UGV0ZXI\") }} {{ base64_decode(\"\") }}", "Peter Peter "},
      {"{{ base64url_encode(\"\u00ff\u00fe?>\") }} {{ base64_encode(\"\u00ff\u00fe?>\") }}", "w7_Dvj8- w7/Dvj8+"},
      {"{{ base64url_decode(\"w7_Dvj8-\") }}", "\u00ff\u00fe?>"},
      {"{{ base64_decode(\"w7_D\") }}", "error: base64_decode() got text that is not base64"},
      {"{{ base64_decode(\"A\") }}", "error: base64_decode() got text that is not base64"},
      {"{{ base64_decode(\"YR==\") }}", "error: base64_decode() got text that is not base64"},
      {"{{ url_encode(unsafe) }}", "a%20b%2Fc%3Fd%3De%26f%23g%25h%2B%C3%A9"},
      {"{{ url_decode(\"a%20b%2fc+%zz%\") }}", "a b/c+%zz%"},
      {"{{ json(name) }} {{ json(brother) }} {{ json(nothing) }} {{ json(amount) }}",
       "\"Peter\" {\"name\":\"Chris\",\"daughters\":[\"Maria\",\"Helen\"]} null 12.50"},
      {"{{ raw(name) }} {{ escape_json(quote) }}", "Peter a\\\"b\\\\c\\nd"},
      {"{{ substring(name, 1) }} {{ substring(name, 1, 3) }} {{ substring(name, 9) }} {{ substring(name, 0, 99) }}",
       "eter ete  Peter"},
      {"{{ substring(\"\u00e9\u00e9\u00e9\", 1, 2) }}", "\u00e9"},
      {"{{ substring(name, -1) }}", "error: substring() needs a start and a length that are not negative"},
      {"[{{ trim(\" \\t a b \\n\") }}]", "[a b]"},
      {"{{ split(\"a,b,,c\", \",\") }} {{ split(\"\", \",\") }} {{ split(\"abc\", \"bc\") }}",
       "[\"a\",\"b\",\"\",\"c\"] [\"\"] [\"a\",\"\"]"},
      {"{{ split(name, \"\") }}", "error: split() needs a separator that is not empty"},
      {"{{ context().brother.name }} {{ context() | length }}", "Chris 15"},
      {"[{{ header(\"x\") }}{{ request_header(\"x\") }}{{ extraction(\"x\") }}{{ body() }}]", "[]"},
      {"{{ default(header(\"x\"), \"none\") }} {{ default(extraction(\"x\"), \"none\") }}", "none none"},
      {"{{ header(null) }}", "error: header() needs a string, got null"},
  });
}

TEST(Functions, MakePartsOfARequest) {
  constexpr std::string_view kFields =
      R"({"a": "x y&z", "n": 1.50, "none": null, "list": ["p", 2], "ids": [7], "o": {"k": true, "l": [{"m": 1}]}})";
  for (const Case& c : std::initializer_list<Case>{
           {"{{ only(\"n\", \"a\", \"nope\") }} {{ only(\"nope\") }}", R"({"a":"x y&z","n":1.50} {})"},
           {"{{ except(\"o\", \"list\", \"ids\", \"a\") }}", R"({"n":1.50,"none":null})"},
           {"{{ form(only(\"a\", \"none\", \"list\")) }}", "a=x%20y%26z&list=p&list=2"},
           {"{{ form(only(\"o\")) }}[{{ form({}) }}]", "o%5Bk%5D=true&o%5Bl%5D%5B0%5D%5Bm%5D=1[]"},
           {"/p{{ query(\"n\", \"list\", \"nope\") }}", "/p?n=1.50&list=p&list=2"},
           {"/p{{ query(\"ids[]\") }}{{ query(\"nope\", \"none\") }}", "/p?ids%5B%5D=7"},
           {"/p{{ query(\"list,\", \"ids|\", \"n,\") }}{{ query(\"list \") }}", "/p?list=p,2&ids=7&n=1.50?list=p%202"},
           {"{{ cookies(\"a\", \"nope\", \"n\") }}", "a=x%20y%26z; n=1.50"},
           {"{{ form(list) }}", "error: form() needs an object, got an array"},
           {"{{ only(n) }}", "error: needs names of fields as strings, got a number"},
       }) {
    TemplateOptions options;
    options.landing = std::string_view(c.text).starts_with("/") ? Landing::kPath : Landing::kText;
    EXPECT_EQ(RenderText(c.text, kFields, options), c.result) << c.text;
  }
  TemplateOptions options;
  options.limits.output_bytes = 3;
  EXPECT_EQ(RenderText("{{ form(only(\"a\")) }}", kFields, options),
            "error: the template takes too much output: more than 3 bytes");
}

TEST(Functions, TableIsSortedAndComplete) {
  for (size_t i = 1; i < Functions().size(); ++i) EXPECT_LT(Functions()[i - 1].name, Functions()[i].name);
  for (const FunctionInfo& info : Functions()) {
    EXPECT_EQ(GetFunction(info.id).name, info.name);
    EXPECT_EQ(FindFunction(info.name), &info);
  }
  EXPECT_EQ(Functions().size(), static_cast<size_t>(Fn::kUrlEncode) + 1);
}

TEST(Landing, Json) {
  TemplateOptions options;
  options.landing = Landing::kBody;
  Check(
      {
          {"{\"a\": \"{{ quote }}\"}", "{\"a\": \"a\\\"b\\\\c\\nd\"}"},
          {"{\"a\": {{ quote }}}", "error: variable \"quote\" stands outside quotes, so its text must be JSON"},
          {"{\"a\": {{ raw(quote) }}}", "{\"a\": a\"b\\c\nd}"},
          {"{\"a\": {{ json(quote) }}}", "{\"a\": \"a\\\"b\\\\c\\nd\"}"},
          {"{\"a\": {{ age }}, \"b\": {{ brother }}, \"c\": {{ is_happy }}, \"d\": {{ nothing }}}",
           "{\"a\": 29, \"b\": {\"name\":\"Chris\",\"daughters\":[\"Maria\",\"Helen\"]}, \"c\": true, \"d\": null}"},
          {"{\"a\": \"{{ age }} {{ none }} {{ brother.daughters }} {{ nothing }}\"}",
           "{\"a\": \"29 [] [\\\"Maria\\\",\\\"Helen\\\"] \"}"},
          {"{\"a\": \"{{ raw(quote) }}\"}", "{\"a\": \"a\"b\\c\nd\"}"},
          {"{\"a\": \"{{ quote | raw }}\"}", "{\"a\": \"a\"b\\c\nd\"}"},
          {"{\"a\": \"{{ escape_json(quote) }}\"}", "{\"a\": \"a\\\"b\\\\c\\nd\"}"},
          {"{\"a\\\"{{ quote }}\": 1}", "{\"a\\\"a\\\"b\\\\c\\nd\": 1}"},
          {"{\"a\\\\\": {{ json(quote) }}}", "{\"a\\\\\": \"a\\\"b\\\\c\\nd\"}"},
          {" [\n\"{{ quote }}\"]", " [\n\"a\\\"b\\\\c\\nd\"]"},
          {"{% if age %}{\"a\":\"{{ quote }}\"}{% else %}{}{% endif %}", "{\"a\":\"a\\\"b\\\\c\\nd\"}"},
          {"[{% for n in names %}\"{{ n }}\"{% if not loop.is_last %},{% endif %}{% endfor %}]",
           "[\"Jeff\",\"Seb\",\"Peter\",\"Tom\"]"},
          {"{\"a\":{% if nix_ok | default(true) %}\"{% endif %}{{ \"x\" }}\"", "{\"a\":\"x\""},
          {"{\"a\":{% if nix_ok | default(true) %}\"{% endif %}{{ raw(age) }}\"", "{\"a\":\"29\""},
          {"text \"{{ quote }}\"", "text \"a\"b\\c\nd\""},
          {"{{ brother }} \"{{ quote }}\"", "{\"name\":\"Chris\",\"daughters\":[\"Maria\",\"Helen\"]} \"a\"b\\c\nd\""},
      },
      options);
  options.landing = Landing::kJson;
  Check({{"\"{{ quote }}\"", "\"a\\\"b\\\\c\\nd\""}}, options);
}

TEST(Landing, TextOutsideQuotesMustBeOneJsonValue) {
  TemplateOptions options;
  options.landing = Landing::kBody;
  auto render = [&](std::string_view text, std::string_view value) {
    std::string json;
    AppendJsonEscaped(value, &json);
    return RenderText(text, "{\"t\":\"" + json + "\",\"null\":null,\"list\":[1,2]}", options);
  };
  const std::string refused = "error: variable \"t\" stands outside quotes, so its text must be JSON";
  for (const char* good : {"42", "-1.5e3", "true", "null", " [1, {\"a\": 2}] ", "\"x\\n\\u00e9\"", "{}"}) {
    EXPECT_EQ(render("{\"a\": {{ t }}}", good), "{\"a\": " + std::string(good) + "}");
    EXPECT_EQ(render("{\"a\": {{ default(t, 1) }}}", good), "{\"a\": " + std::string(good) + "}");
  }
  for (const char* bad : {"", " ", "1, \"role\": \"admin\"", "x", "01", "1 2", "[1", "{\"a\":}", "\"\\x\"",
                          "\"\\ud800\"", "\"a\" \"b\"", "nul"}) {
    EXPECT_EQ(render("{\"a\": {{ t }}}", bad), refused) << bad;
    EXPECT_EQ(render("{\"a\": {{ default(t, 1) }}}", bad), refused) << bad;
    EXPECT_EQ(render("{\"a\": {{ t if true else 1 }}}", bad), refused) << bad;
    EXPECT_EQ(render("{\"a\": {{ trim(t) }}}", bad),
              "error: the result of trim() stands outside quotes, so its text must be JSON");
    EXPECT_EQ(render("{\"a\": {{ t + \"\" }}}", bad),
              "error: the value stands outside quotes, so its text must be JSON");
  }
  // The template's own text may be anything.
  EXPECT_EQ(render("[1{{ \", 2\" if true else \"\" }}{{ default(nope, \",\") }}{{ \"3\" }}]", ""), "[1, 2,3]");
  EXPECT_EQ(render("[{{ default(nope, list) }}{{ default(nope, nix) if false else \"\" }}]", ""), "[[1,2]]");
  EXPECT_EQ(render("[{{ default(null, 7) }},{{ default(nope, default(null, \"8\")) }}]", ""), "[7,8]");
  EXPECT_EQ(render("[{{ default(nope, t) }}]", "x"), refused);
  EXPECT_EQ(render("[{{ raw(join(list, \",\")) }}]", ""), "[1,2]");
}

// Where a value lands must be known: it is escaped accordingly.
TEST(Landing, BranchesAndLoopsKeepTheirQuotes) {
  TemplateOptions options;
  options.landing = Landing::kBody;
  auto unsure = [](const char* place) {
    return std::string(place) +
           " whether this is inside quotes depends on a condition before it: let each branch close the quotes that it "
           "opens, or write raw(...)";
  };
  auto render = [&](std::string_view text) { return RenderText(text, kData, options); };
  EXPECT_EQ(render("[{% if age %}\"{% endif %}{{ quote }}{{ age }}]"), unsure("1:29"));
  EXPECT_EQ(render("[{% if age %}\"{% else %}{% endif %}\"x\": \"{{ quote }}\"]"), unsure("1:45"));
  EXPECT_EQ(render("[{% if age %}\"a{% else %}\"b{% endif %}{{ quote }}\"]"), "[\"aa\\\"b\\\\c\\nd\"]");
  EXPECT_EQ(render("[\"{% for n in names %}{{ n }}\",\"{% endfor %}\"]"), "[\"Jeff\",\"Seb\",\"Peter\",\"Tom\",\"\"]");
  const std::string loop = "1:5 the text of the loop must end as it begins: inside quotes, or outside of them";
  EXPECT_EQ(render("[{% for n in names %}{{ n }}\"{% endfor %}]"), loop);
  EXPECT_EQ(render("[{% for n in names %}{% if n %}\"{% endif %}{% endfor %}]"), loop);
  options.landing = Landing::kPath;
  EXPECT_EQ(render("/{% for n in names %}{{ n }}?{% endfor %}"),
            "1:5 the text of the loop must not hold the \"?\" that begins the query");
  EXPECT_EQ(render("/?{% for n in names %}{{ n }}?{% endfor %}"), "/?Jeff?Seb?Peter?Tom?");
}

TEST(Landing, PathAndQuery) {
  TemplateOptions options;
  options.landing = Landing::kPath;
  std::vector<Parameter> parameters = {{"segment", true}};
  options.parameters = parameters;
  Check(
      {
          {"/a/{{ unsafe }}/b", "/a/a%20b%2Fc%3Fd=e&f%23g%25h+%C3%A9/b"},
          {"/a?q={{ unsafe }}", "/a?q=a%20b%2Fc%3Fd%3De%26f%23g%25h%2B%C3%A9"},
          {"/{{ raw(unsafe) }}", "/a b/c?d=e&f#g%h+\u00e9"},
          {"/{{ url_encode(city) }}?{{ url_encode(city) }}", "/new%20york?new%20york"},
          {"/{{ age }}/{{ is_happy }}/{{ none }}", "/29/true/%5B%5D"},
      },
      options);
  options.landing = Landing::kQuery;
  Check({{"x y={{ unsafe }}{{ raw(\"&\") }}", "x%20y%3Da%20b%2Fc%3Fd%3De%26f%23g%25h%2B%C3%A9&"}}, options);
}

TEST(Limits, EndRenderingWithAnError) {
  TemplateOptions options;
  options.limits.output_bytes = 1000;
  Check({{"{% for i in range(1000) %}abcdef{% endfor %}",
          "error: the template takes too much output: more than 1000 bytes"},
         {"{{ replace(\"aaaaaaaaaa\", \"a\", join(range(100), \"a\")) }}",
          "error: the template takes too much output: more than 1000 bytes"},
         {"{{ json(range(1000)) }}", "error: the template takes too much output: more than 1000 bytes"},
         {"{{ join(range(1000), \",\") }}", "error: the template takes too much output: more than 1000 bytes"},
         {"{% set x = [1,2,3,4,5,6,7,8,9] %}{% for i in range(60) %}{% set x = [x, x] %}{% endfor %}{{ x }}",
          "error: the template takes too much output: more than 1000 bytes"}},
        options);
  options = {};
  options.limits.iterations = 100;
  Check({{"{% for i in range(20) %}{% for j in range(20) %}{% endfor %}{% endfor %}",
          "error: the loops of the template run more than 100 times"}},
        options);
  options = {};
  options.limits.work = 10'000;
  Check({{"{% for i in range(5000) %}{% endfor %}", "error: the template takes too much work: more than 10000 steps"},
         {"{% set x = [1] %}{% for i in range(60) %}{% set x = [x, x] %}{% endfor %}{{ x == [x] }}{{ x == x }}",
          "error: the template takes too much work: more than 10000 steps"}},
        options);
  options = {};
  options.limits.memory_bytes = 10'000;
  Check({{"{% set x = \"abcdefgh\" %}{% for i in range(40) %}{% set x = x + x %}{% endfor %}",
          "error: the template takes too much memory: more than 10000 bytes"}},
        options);
  Check({{"{{ range(100001) }}", "error: range(100001) has more than 100000 elements"},
         {"{{ range(1e12) }}", "error: range(1000000000000) has more than 100000 elements"},
         {"{% set x = [1] %}{% for i in range(200) %}{% set x = [x] %}{% endfor %}",
          "error: a value is nested deeper than 128"},
         {"{% set x = \"abcdefgh\" %}{% for i in range(40) %}{% set x = x + x %}{% endfor %}",
          "error: the template takes too much work: more than 1000000 steps"}});
}

// What one step would take is looked at before it is taken.
TEST(Limits, StopBeforeMemoryIsTaken) {
  std::string array = "[0";
  std::string object = "{\"a0\":0";
  for (int i = 1; i < 100'000; ++i) {
    array += ",0";
    object += ",\"a" + std::to_string(i) + "\":0";
  }
  const std::string commas = std::string(100'000, ',');
  const std::string data = "{\"array\":" + array + "],\"object\":" + object + "},\"commas\":\"" + commas + "\"}";
  for (const char* text : {"{{ split(commas, \",\") }}", "{{ sort(array) }}", "{% for k, v in object %}x{% endfor %}",
                           "{% set a = object %}{% set a.b.c = 1 %}"}) {
    TemplateOptions options;
    options.limits.memory_bytes = 100'000;
    options.limits.work = 100'000'000;
    auto compiled = Template::Compile(text, options, nullptr);
    ASSERT_NE(compiled, nullptr) << text;
    Arena arena;
    Value root;
    JsonError json_error;
    ASSERT_TRUE(ReadJson(data, &arena, &root, &json_error));
    const size_t before = arena.used();
    ValueContext context(root);
    std::string out;
    RenderError error;
    EXPECT_FALSE(compiled->Render(&context, &arena, &out, &error)) << text;
    EXPECT_EQ(error.kind, RenderError::Kind::kLimit);
    EXPECT_EQ(error.message, "the template takes too much memory: more than 100000 bytes");
    EXPECT_LE(arena.used() - before, 100'000u) << text;
  }
}

TEST(Limits, EndCompilingWithAnError) {
  auto repeat = [](std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  EXPECT_EQ(RenderText("{{ " + repeat("(", 10'000) + " }}", "{}"), "1:68 the expression is nested too deep");
  EXPECT_EQ(RenderText("{{ " + repeat("[", 10'000) + " }}", "{}"), "1:68 the expression is nested too deep");
  EXPECT_EQ(RenderText("{{ " + repeat("not ", 10'000) + " }}", "{}").substr(5), " the expression is nested too deep");
  EXPECT_EQ(RenderText("{{ 1" + repeat(" + 1", 10'000) + " }}", "{}").substr(6), " the expression is too long");
  EXPECT_EQ(RenderText("{{ 1" + repeat(" | raw", 10'000) + " }}", "{}").substr(5),
            " the expression is nested too deep");
  EXPECT_EQ(RenderText(repeat("{% if 1 %}", 1000), "{}"), "1:634 \"if\" is nested too deep");
  EXPECT_EQ(RenderText(repeat("{% for a in b %}", 17) + repeat("{% endfor %}", 17), "{}"),
            "1:260 more than 16 loops in one another");
  EXPECT_EQ(RenderText("{{ [" + repeat("a, ", 300) + "a] }}", "{}"), "1:1 an expression of the template is too large");
  EXPECT_EQ(RenderText(repeat("{{ 1 }}", 40'000), "{}"), "1:1 the template is too large: more than 65536 instructions");
  EXPECT_EQ(RenderText(std::string((1 << 20) + 1, 'x'), "{}"),
            "1:1 the template is too large: more than 1048576 bytes");
  EXPECT_EQ(RenderText("{{ a" + repeat(".a", 40) + " }}", "{}").substr(0, 4), "1:4 ");
  EXPECT_EQ(RenderText(repeat("{{ }}", 100), "{}").size(),
            std::string("1:4 the tag is empty\n").size() * 16 + 6 + 8 - 1);
}

}  // namespace
}  // namespace gloo::tmpl
