// The language, as a table: every construct of Inja 3.4 and what is added to it.
#include <gtest/gtest.h>

#include "template/test_support.h"

namespace gloo::tmpl {
namespace {

constexpr char kData[] = R"({
  "name": "Peter", "city": "Brunswick", "age": 29, "names": ["Jeff", "Seb"],
  "brother": {"name": "Chris", "daughters": ["Maria", "Helen"], "daughter0": {"name": "Maria"}},
  "is_happy": true, "is_sad": false, "@name": "@name", "$name": "$name", "x-id": "dash", "_u": "under",
  "relatives": {"mother": "Maria", "brother": "Chris", "sister": "Jenny"},
  "vars": [2, 3, 4, 0, -1, -2, -3], "max_value": 18446744073709551615, "long": 12345678901234567890123,
  "price": 1.10, "nothing": null, "empty": "", "none": [], "matrix": [[1, 2], [3, 4]],
  "objects": [{"a": 2}, {"b": 3}, {"c": 4}, {"d": 5}], "dotted": {"a.b": 1, "c d": 2},
  "outer": [{"inner": [{"in2": [1, 2]}, {"in2": []}]}, {"inner": []}, {"inner": [{"in2": [3, 4]}, {"in2": [5, 6]}]}]
})";

struct Case {
  const char* text;
  const char* result;
};

void Check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(RenderText(c.text, kData), c.result) << "template: " << c.text;
}

TEST(Language, TextAndVariables) {
  Check({
      {"", ""},
      {"Hello World!", "Hello World!"},
      {"{ # } % {", "{ # } % {"},
      {"a # b ## c", "a # b ## c"},
      {"Hello {{ name }}!", "Hello Peter!"},
      {"{{name}}", "Peter"},
      {"{{\n  name\n}}", "Peter"},
      {"{{ name }} is {{ age }} years old.", "Peter is 29 years old."},
      {"Hello {{ names.1 }}!", "Hello Seb!"},
      {"Hello {{ brother.name }}!", "Hello Chris!"},
      {"Hello {{ brother.daughter0.name }}!", "Hello Maria!"},
      {"{{ brother/daughter0/name }}", "Maria"},
      {"{{ \"{{ no_value }}\" }}", "{{ no_value }}"},
      {"{{ @name }}", "@name"},
      {"{{ $name }}", "$name"},
      {"{{ x-id }}", "dash"},
      {"{{ _u }}", "under"},
      {"{{ max_value }}", "18446744073709551615"},
      {"{{ long }}", "12345678901234567890123"},
      {"{{ price }}", "1.10"},
      {"{{ is_happy }}", "true"},
      {"[{{ nothing }}]", "[]"},
      {"{{ names }}", "[\"Jeff\",\"Seb\"]"},
      {"{{ brother.daughter0 }}", "{\"name\":\"Maria\"}"},
      {"\xEF\xBB\xBF"
       "bom",
       "bom"},
  });
}

TEST(Language, Brackets) {
  Check({
      {"{{ names[0] }}", "Jeff"},
      {"{{ brother[\"name\"] }}", "Chris"},
      {"{{ brother['name'] }}", "Chris"},
      {"{{ matrix[1][0] }}", "3"},
      {"{{ matrix[1].0 }}", "3"},
      {"{{ dotted[\"a.b\"] }}", "1"},
      {"{{ dotted[\"c d\"] }}", "2"},
      {"{{ names[age - 28] }}", "Seb"},
      {"{{ brother[lower(\"NAME\")] }}", "Chris"},
      {"{{ [7, 8, 9][1] }}", "8"},
      {"{{ {\"k\": \"v\"}.k }}", "v"},
      {"{{ last(objects).d * 2 }}", "10"},
      {"{{ at(objects, 1).b }}", "3"},
      {"{{ names[9] }}", "error: variable \"names.9\" is missing"},
      {"{{ names[age] }}", "error: an array has no element \"29\""},
      {"{{ last(objects).zzz }}", "error: an object has no element \"zzz\""},
      {"{{ names[true] }}", "error: an index must be a string or a number, got a boolean"},
      {"{{ names[0.5 + 0] }}", "error: an index must be a whole number"},
  });
}

TEST(Language, Comments) {
  Check({
      {"Hello{# This is a comment #}!", "Hello!"},
      {"{# --- #Todo --- #}", ""},
      {"{# {{ name }} {% if %} #}x", "x"},
      {"a{#\n#}b", "ab"},
  });
}

TEST(Language, Literals) {
  Check({
      {"{{ 1 }}{{ -1 }}{{ 1.5 }}{{ 1e3 }}", "1-11.51e3"},
      {"{{ \"a\\n\\\"b\\u00e9\\ud83d\\ude00\" }}", "a\n\"b\u00e9\U0001F600"},
      {"{{ 'it''s' }}", "1:8 expected the end of the tag, got 's'"},
      {"{{ 'it\\'s' }}", "it's"},
      {"{{ 'a\"b' }}", "a\"b"},
      {"{{ true }} {{ false }} {{ null }}", "true false "},
      {"{{ [1, \"a\", [true], {\"b\": null}] }}", "[1,\"a\",[true],{\"b\":null}]"},
      {"{{ {\"a\": {\"b\": 1}} }}", "{\"a\":{\"b\":1}}"},
      {"{{ [name, age + 1] }}", "[\"Peter\",30]"},
      {"{{ {\"n\": name, \"l\": [age]} }}", "{\"n\":\"Peter\",\"l\":[29]}"},
      {"{{ [] }}{{ {} }}", "[]{}"},
      {"{{ {\"a\": 1, \"a\": 2} }}", "{\"a\":2}"},
  });
}

TEST(Language, Arithmetic) {
  Check({
      {"{{ 1 + 2 }}", "3"},
      {"{{ age + 1 }}", "30"},
      {"{{ 1 + 2 * 3 }}", "7"},
      {"{{ (1 + 2) * 3 }}", "9"},
      {"{{ 7 - 2 - 1 }}", "4"},
      {"{{ age -1 }}", "28"},
      {"{{ 2 -1 }}", "1"},
      {"{{ -age }}", "-29"},
      {"{{ - 3 }}", "-3"},
      {"{{ 2 * -3 }}", "-6"},
      {"{{ 4 / 2 }}", "2.0"},
      {"{{ 1 / 4 }}", "0.25"},
      {"{{ 7 % 4 }}", "3"},
      {"{{ -7 % 4 }}", "-3"},
      {"{{ 2 ^ 10 }}", "1024"},
      {"{{ 2 ^ 3 ^ 2 }}", "512"},
      {"{{ 2 ^ -1 }}", "0.5"},
      {"{{ -2 ^ 2 }}", "4"},
      {"{{ 1.5 + 1 }}", "2.5"},
      {"{{ 0.1 + 0.2 }}", "0.30000000000000004"},
      {"{{ length(name) * 2.5 }}", "12.5"},
      {"{{ 9223372036854775807 + 1 }}", "9.223372036854776e+18"},
      {"{{ 3037000500 * 3037000500 }}", "9.22337203700025e+18"},
      {"{{ 10 ^ 30 }}", "1e+30"},
      {"{{ 1 / 100000 }}", "1e-05"},
      {"{{ 1 / 10000 }}", "0.0001"},
      {"{{ 100000000000000.0 * 1 }}", "100000000000000.0"},
      {"{{ 1000000000000000.0 * 1 }}", "1e+15"},
      {"{{ \"a\" + \"b\" }}", "ab"},
      {"{{ name + 1 }}", "Peter1"},
      {"{{ 1 + name }}", "1Peter"},
      {"{{ name + is_happy }}", "Petertrue"},
      {"{{ (0 - 1) ^ 0.5 }}", "error: \"^\" gives no number, or one that is too large"},
      {"{{ 0 ^ -1 }}", "error: \"^\" gives no number, or one that is too large"},
      {"{{ 1e308 * 10 }}", "error: \"*\" gives no number, or one that is too large"},
      {"{{ 1e308 + 1e308 }}", "error: \"+\" gives no number, or one that is too large"},
      {"{{ 1e999 - 1e999 }}", "error: \"-\" gives no number, or one that is too large"},
      {"{{ 1e308 / 1e-9 }}", "error: \"/\" gives no number, or one that is too large"},
      {"{{ -1e999 }}{{ 1e999 > 1 }}", "-1e999true"},
      {"{{ sort([3, 1e999, 1, -1e999, 2]) }}", "[-1e999,1,2,3,1e999]"},
      {"{{ 1 / 0 }}", "error: division by zero"},
      {"{{ 1 % 0 }}", "error: division by zero"},
      {"{{ 1.5 % 2 }}", "error: \"%\" needs two whole numbers"},
      {"{{ -9223372036854775807 % -1 }}", "0"},
      {"{{ 1 - name }}", "error: \"-\" needs two numbers, got a number and a string"},
      {"{{ name + names }}", "error: \"+\" cannot join a string and an array"},
      {"{{ -name }}", "error: \"-\" needs a number, got a string"},
  });
}

TEST(Language, ComparisonsAndLogic) {
  Check({
      {"{{ 1 == 1.0 }} {{ 1 != 2 }} {{ 1 < 2 }} {{ 2 <= 2 }} {{ 3 > 4 }} {{ 4 >= 4 }}",
       "true true true true false true"},
      {"{{ \"a\" < \"b\" }} {{ \"a\" == \"a\" }} {{ \"1\" == 1 }}", "true true false"},
      {"{{ names == [\"Jeff\", \"Seb\"] }} {{ brother.daughter0 == {\"name\": \"Maria\"} }}", "true true"},
      {"{{ null == nothing }} {{ null < 1 }} {{ [1, 2] < [1, 3] }}", "true true true"},
      {"{{ true and false }} {{ true or false }} {{ not true }} {{ not (true) }}", "false true false false"},
      {"{{ true or (true or true) }}", "true"},
      {"{{ not is_happy or age > 26 }}", "true"},
      {"{{ false or true and false }}", "false"},
      {"{{ 0 and undefined }} {{ 1 or undefined }}", "false true"},
      {"{{ 1 and undefined }}", "error: variable \"undefined\" is missing"},
      {"{{ not age == 29 }}", "false"},
      {"{{ not not age }}", "true"},
      {"{{ age in [28, 29, 30] }} {{ 31 in [28, 29, 30] }}", "true false"},
      {"{{ name in names }} {{ \"Seb\" in names }}", "false true"},
      {"{{ \"Chris\" in relatives }} {{ \"brother\" in relatives }}", "true false"},
      {"{{ \"ete\" in name }}", "true"},
      {"{{ 1 in 2 }}", "error: \"in\" needs an array, an object or two strings, got a number and a number"},
      {"{{ \"yes\" if is_happy else \"no\" }}", "yes"},
      {"{{ 1 if 0 else 2 if 0 else 3 }}", "3"},
      {"{{ (\"a\" if is_sad else \"b\") + \"c\" }}", "bc"},
  });
}

TEST(Language, Loops) {
  Check({
      {"{% for name in names %}a{% endfor %}", "aa"},
      {"Hello {% for name in names %}{{ name }} {% endfor %}!", "Hello Jeff Seb !"},
      {"{% for name in names %}{{ loop.index }}: {{ name }}, {% endfor %}", "0: Jeff, 1: Seb, "},
      {"{% for type, name in relatives %}{{ loop.index1 }}: {{ type }}: {{ name }}{% if loop.is_last == false %}, "
       "{% endif %}{% endfor %}",
       "1: brother: Chris, 2: mother: Maria, 3: sister: Jenny"},
      {"{% for v in vars %}{% if v > 0 %}+{% endif %}{% endfor %}", "+++"},
      {"{% for n in names %}{{ n }}{% if not loop.is_last %}, {% endif %}{% endfor %}!", "Jeff, Seb!"},
      {"{% for n in names %}{{ loop.is_first }}{% endfor %}", "truefalse"},
      {"{% for n in [] %}a{% endfor %}", ""},
      {"{% for n in names %}{{ loop }}{% endfor %}",
       "{\"index\":0,\"index1\":1,\"is_first\":true,\"is_last\":false}"
       "{\"index\":1,\"index1\":2,\"is_first\":false,\"is_last\":true}"},
      {"{% for name in names %}{{ name }}{% endfor %}{{ name }}", "JeffSebPeter"},
      {"{% for i in range(3) %}{{ at(vars, i) }}{% endfor %}", "234"},
      {"\n{% for o in outer %}{% for i in o.inner %}{{loop.parent.index}}:{{loop.index}}::{{loop.parent.is_last}}\n"
       "{% for ii in i.in2%}{{ii}},{%endfor%}\n{%endfor%}{%endfor%}\n",
       "\n0:0::false\n1,2,\n0:1::false\n\n2:0::true\n3,4,\n2:1::true\n5,6,\n\n"},
      {"{% for r in matrix %}{% for r in r %}{{ r }}{% endfor %}{{ r }};{% endfor %}", "12[1,2];34[3,4];"},
      {"{% for n in relatives %}{% endfor %}",
       "error: \"for n\" needs an array, got an object; \"for key, value in\" goes over an object"},
      {"{% for k, v in names %}{% endfor %}", "error: \"for k, v\" needs an object, got an array"},
      {"{% for n in empty_loop %}a{% endfor %}", "error: variable \"empty_loop\" is missing"},
      {"{% for n in names %}{{ n.x }}{% endfor %}", "error: variable \"n.x\" is missing"},
  });
}

TEST(Language, LoopFieldsByTheirBareNames) {
  Check({
      {"{% for n in names %}{{ n }}{% if not is_last %},{% endif %}{% endfor %}", "Jeff,Seb"},
      {"{% for n in names %}{{ index }}{{ index1 }}{{ is_first }}{{ is_last }};{% endfor %}",
       "01truefalse;12falsetrue;"},
      {"{% for n in vars %}{% for k, v in relatives %}{{ index }}{% endfor %}{% endfor %}", "000111222333444555666"},
      {"{% for n in vars %}{% for m in names %}{{ index }}{% endfor %}{{ index }};{% endfor %}",
       "010;011;012;013;014;015;016;"},
      {"{% for index in names %}{{ index }}{% endfor %}", "JeffSeb"},
      {"{% set index = 7 %}{% for n in names %}{{ index }}{% endfor %}", "77"},
      {"{% for n in names %}{% set x = index + 1 %}{{ x }}{{ default(index, 9) }}{% endfor %}", "1021"},
      {"{% for k, v in relatives %}{{ index }}{% endfor %}", "error: variable \"index\" is missing"},
      {"{{ is_last }}", "error: variable \"is_last\" is missing"},
      {"{% for n in names %}{{ index.x }}{% endfor %}", "error: variable \"index.x\" is missing"},
  });
  EXPECT_EQ(RenderText("{% for n in l %}{{ index }}{% endfor %}", R"({"l":[1,2],"index":"i"})"), "ii");
}

TEST(Language, FunctionsWithoutArgumentsByTheirBareNames) {
  EXPECT_EQ(RenderText("{{ context }}{{ length(context) }}{{ default(context, 1) }}", R"({"a":1})"),
            "{\"a\":1}1{\"a\":1}");
  EXPECT_EQ(RenderText("{{ context }}", R"({"context":"c"})"), "c") << "a field of that name comes first";
  EXPECT_EQ(RenderText("{{ body }}|", "{}"), "|");
  EXPECT_EQ(RenderText("{{ length }}", "{}"), "error: variable \"length\" is missing");
  EXPECT_EQ(RenderText("{{ exists(\"context\") }}", "{}"), "false");
}

TEST(Language, Conditions) {
  Check({
      {"{% if is_happy %}{% endif %}", ""},
      {"{% if is_happy %}Yeah!{% endif %}", "Yeah!"},
      {"{% if is_sad %}Yeah!{% endif %}", ""},
      {"{% if is_sad %}Yeah!{% else %}Nooo...{% endif %}", "Nooo..."},
      {"{% if age == 29 %}Right{% else %}Wrong{% endif %}", "Right"},
      {"{% if age in [28, 29, 30] %}True{% endif %}", "True"},
      {"{% if age == 28 %}28{% else if age == 29 %}29{% endif %}", "29"},
      {"{% if age == 26 %}26{% else if age == 27 %}27{% else if age == 28 %}28{% else %}29{% endif %}", "29"},
      {"{% if age == 25 %}+{% endif %}{% if age == 29 %}+{% else %}-{% endif %}", "+"},
      {"{% if 0 %}a{% endif %}{% if \"\" %}b{% endif %}{% if [] %}c{% endif %}{% if {} %}d{% endif %}"
       "{% if null %}e{% endif %}{% if \"0\" %}f{% endif %}{% if 0.0 %}g{% endif %}",
       "f"},
      {"{% if is_happy %}{% if is_sad %}a{% else %}b{% endif %}c{% endif %}", "bc"},
  });
}

TEST(Language, Set) {
  Check({
      {"{% set new_hour=23 %}{{ new_hour }}pm", "23pm"},
      {"{% set time.start=18 %}{{ time.start }}pm", "18pm"},
      {"{% set age=2+3 %}{{age}}", "5"},
      {"{% set p.value=1 %}{% if existsIn(p, \"value\") %}{{p.value}}{% endif %}", "1"},
      {"{% set brother.name=\"Bob\" %}{{brother.name}} {{ brother.daughters.0 }} {{ brother }}",
       "Bob Maria {\"name\":\"Bob\"}"},
      {"{% set a.b.c = 1 %}{% set a.b.d = 2 %}{{ a }}", "{\"b\":{\"c\":1,\"d\":2}}"},
      {"{% set v1 = \"a\" %}{% set v2 = \"b\" %}{% set var = v1 + v2 %}{{ var }}", "ab"},
      {"{% set sum = 0 %}{% for v in vars %}{% set sum = sum + v %}{% endfor %}{{ sum }}", "3"},
      {"{% for n in names %}{% if exists(\"seen\") %}{{ seen }},{% endif %}{% set seen = n %}{% endfor %}{{ seen }}",
       "Jeff,Seb"},
      {"{% if is_sad %}{% set name = \"x\" %}{% endif %}{{ name }}", "Peter"},
      {"{% for n in names %}{% set n = upper(n) %}{{ n }}{% endfor %}", "JEFFSEB"},
  });
}

TEST(Language, LineStatements) {
  Check({
      {"## if is_happy\nYeah!\n## endif", "Yeah!\n"},
      {"## if is_happy\n## if is_happy\nYeah!\n## endif\n## endif    ", "Yeah!\n"},
      {"## for n in names\n{{ loop.index1 }}: {{ n }}\n## endfor\nend", "1: Jeff\n2: Seb\nend"},
      {" ## if is_happy", " ## if is_happy"},
      {"## set x = 1\r\n{{ x }}", "1"},
  });
}

TEST(Language, Whitespace) {
  Check({
      {"   {% if is_happy %}{{ name }}{% endif %}   ", "   Peter   "},
      {"   {% if is_happy %}{{ name }}{% endif %}\n ", "   Peter\n "},
      {"Test\n   {%- if is_happy %}{{ name }}{% endif %}   ", "Test\nPeter   "},
      {"   {%+ if is_happy %}{{ name }}{% endif %}", "   Peter"},
      {"   {%- if is_happy %}{{ name }}{% endif -%}   \n   ", "Peter"},
      {"   {{- name -}}   \n   ", "Peter"},
      {"Test\n   {{- name }}   ", "Test\nPeter   "},
      {"   {{ name }}\n ", "   Peter\n "},
      {"{{ name }}{# name -#}    !", "Peter!"},
      {"   {#- name -#}    !", "!"},
      {".  {%- if is_happy %}{{ name }}{% endif -%}\n", ".  Peter"},
      {".  {#- comment -#}\n.", ".  ."},
      {"{{ name-}}  x", "Peterx"},
      {"{{-name-}}", "Peter"},
      {"{{ 5 -}} x", "5x"},
  });
}

TEST(Language, Pipes) {
  Check({
      {"{{ brother.name | upper }}", "CHRIS"},
      {"{{ brother.name | upper | lower }}", "chris"},
      {"{{ [\"C\", \"A\", \"B\"] | sort | join(\",\") }}", "A,B,C"},
      {"{{ \"a\" + \"b\" | upper }}", "aB"},
      {"{{ nope | default(\"x\") | upper }}", "X"},
      {"{{ upper(first(sort(brother.daughters)) + \"_test\") }}", "HELEN_TEST"},
      {"{{ last(range(5 * 2)) }}", "9"},
  });
}

TEST(Language, CompileErrors) {
  Check({
      {"{{ }}", "1:4 the tag is empty"},
      {"{{", "1:3 expected a value, got the end of the template"},
      {"{{ name", "1:8 the tag does not end"},
      {"{{ name | }}", "1:11 expected a function after \"|\", got the end of the tag"},
      {"{{ hedaer(\"x\") }}", "1:4 unknown function \"hedaer\"; did you mean \"header\"?"},
      {"{{ xyzzyfoo(1) }}", "1:4 unknown function \"xyzzyfoo\""},
      {"{{ env(\"HOME\") }}", "1:4 unknown function \"env\""},
      {"{{ upper() }}", "1:4 upper() needs 1 argument, got 0"},
      {"{{ default(a) }}", "1:4 default() needs 2 arguments, got 1"},
      {"{{ a | default }}", "1:8 default() needs 2 arguments, got 1"},
      {"{{ substring(a) }}", "1:4 substring() needs 2 to 3 arguments, got 1"},
      {"{{ a b }}", "1:6 expected the end of the tag, got \"b\""},
      {"{{ 1 + }}", "1:8 expected a value, got the end of the tag"},
      {"{{ (1 }}", "1:7 expected \")\" after the expression in parentheses, got the end of the tag"},
      {"{{ [1 }}", "1:7 expected \"]\" after the elements of the array, got the end of the tag"},
      {"{{ a[1 }}", "1:8 expected \"]\" after the index, got the end of the tag"},
      {"{{ upper(1 }}", "1:12 expected \")\" after the arguments of upper(), got the end of the tag"},
      {"{{ {a: 1} }}", "1:5 expected a key in quotes, got \"a\""},
      {"{{ {\"a\" 1} }}", "1:9 expected \":\" after the key, got \"1\""},
      {"{{ a if b }}", "1:11 expected \"else\" after \"a if condition\", got the end of the tag"},
      {"{{ and }}", "1:4 expected a value, got \"and\""},
      {"{{ \"abc }}", "1:4 the string does not end"},
      {"{{ a & b }}", "1:6 unexpected character \"&\""},
      {"{{ & }}", "1:4 unexpected character \"&\""},
      {"{{ 1.2.3 }}", "1:4 \"1.2.3\" is not a number"},
      {"{{ 01 }}", "1:4 \"01\" is not a number"},
      {"{{ \"\\q\" }}", "1:4 unknown escape in the string \"\\q\""},
      {"{{ a..b }}", "1:4 \"a..b\" is no name: between the dots stands nothing, or too much"},
      {"{{ first(a).(b) }}", "1:13 expected a name after \".\", got \"(\""},
      {"{# x", "1:1 the comment does not end"},
      {"{% %}", "1:4 expected a statement, got the end of the tag"},
      {"{% iff x %}", "1:4 unknown statement \"iff\"; did you mean \"if\"?"},
      {"{% if a %}{% elif b %}{% endif %}", "1:14 unknown statement \"elif\"; did you mean \"else if\"?"},
      {"{% if is_happy %}{% if is_happy %}{% endif %}", "1:4 \"if\" without \"endif\""},
      {"{% if is_happy %}{% else if is_happy %}{% end if %}",
       "1:43 unknown statement \"end\"\n1:26 \"if\" without \"endif\""},
      {"{% endif %}", "1:4 \"endif\" without \"if\""},
      {"{% else %}", "1:4 \"else\" without \"if\""},
      {"{% endfor %}", "1:4 \"endfor\" without \"for\""},
      {"{% for name ins names %}a{% endfor %}", "1:13 expected \"in\" after \"for name\", got \"ins\""},
      {"{% for 1 in names %}a{% endfor %}", "1:8 expected a variable name after \"for\", got \"1\""},
      {"{% for a in b %}", "1:4 \"for\" without \"endfor\""},
      {"{% for a in b %}{% endif %}", "1:4 \"for\" without \"endfor\"\n1:20 \"endif\" without \"if\""},
      {"{% set x %}", "1:10 expected \"=\" after \"set x\", got the end of the tag"},
      {"{% set 1 = 2 %}", "1:8 expected a variable name after \"set\", got \"1\""},
      {"{% include \"x\" %}", "1:4 \"include\" is not available: a template stands alone"},
      {"{% extends \"x\" %}", "1:4 \"extends\" is not available: a template stands alone"},
      {"{% block x %}{% endblock %}",
       "1:4 \"block\" is not available: a template stands alone\n1:17 \"endblock\" is not available: a template stands "
       "alone"},
      {"{{ super() }}", "1:4 super() is not available: a template stands alone"},
      {"{% for a in b %}{{ loop.foo }}{% endfor %}",
       "1:20 \"loop.foo\" does not exist; a loop has index, index1, is_first, is_last and parent"},
      {"{% for a in b %}{{ loop.parent.index }}{% endfor %}", "1:20 \"loop.parent.index\": the loop has no parent"},
      {"a\n\u00e9\u00e9 {{ foo() }}\n{{ bar() }}", "2:7 unknown function \"foo\"\n3:4 unknown function \"bar\""},
  });
}

TEST(Language, RuntimeErrorsTellTheirPlace) {
  std::vector<TemplateError> errors;
  auto compiled = Template::Compile("a\n  {{ upper([]) }}", {}, &errors);
  ASSERT_NE(compiled, nullptr);
  Arena arena;
  ValueContext context(Value::Null());
  std::string out;
  RenderError error;
  EXPECT_FALSE(compiled->Render(&context, &arena, &out, &error));
  EXPECT_EQ(error.message, "upper() needs a string, got an array");
  EXPECT_EQ(error.kind, RenderError::Kind::kValue);
  EXPECT_EQ(error.line, 2u);
  EXPECT_EQ(error.column, 6u);
}

TEST(Language, KnowsWhatItReads) {
  auto compile = [](std::string_view text, std::span<const Parameter> parameters = {}) {
    TemplateOptions options;
    options.parameters = parameters;
    std::vector<TemplateError> errors;
    auto compiled = Template::Compile(text, options, &errors);
    EXPECT_NE(compiled, nullptr) << text;
    return compiled;
  };
  EXPECT_EQ(*compile("plain {# c #}text")->constant(), "plain text");
  EXPECT_EQ(compile("{{ 1 }}")->constant(), nullptr);
  EXPECT_FALSE(compile("{{ header(\"x\") }}{{ 1 + 1 }}")->reads_data());
  EXPECT_TRUE(compile("{{ a }}")->reads_data());
  EXPECT_TRUE(compile("{{ default(a, 1) }}")->reads_data());
  EXPECT_TRUE(compile("{{ exists(\"a\") }}")->reads_data());
  EXPECT_TRUE(compile("{{ exists(header(\"x\")) }}")->reads_data());
  EXPECT_TRUE(compile("{{ body() }}")->reads_data());
  EXPECT_TRUE(compile("{{ context() }}")->reads_data());
  EXPECT_FALSE(compile("{% set a = 1 %}{{ a }}")->reads_data());
  EXPECT_TRUE(compile("{% if 1 %}{% set a = 1 %}{% endif %}{{ a }}")->reads_data());
  EXPECT_FALSE(compile("{% for a in [1] %}{{ a }}{{ loop.index }}{% endfor %}")->reads_data());
  EXPECT_TRUE(compile("{{ request_header(\"x\") }}")->reads_request_header());
  std::vector<Parameter> parameters = {{"id"}, {"user.name"}};
  EXPECT_FALSE(compile("{{ id }}{{ user.name }}{{ user[\"name\"] }}{{ exists(\"id\") }}", parameters)->reads_data());
  EXPECT_TRUE(compile("{{ user }}", parameters)->reads_data());
  EXPECT_EQ(compile("{{ a.b }}{{ c[0] }}{{ default(d, e) }}{% if f %}{{ g }}{% endif %}{{ a.b }}{{ id }}", parameters)
                ->required(),
            (std::vector<std::string>{"a.b", "c.0", "f"}));
}

}  // namespace
}  // namespace gloo::tmpl
