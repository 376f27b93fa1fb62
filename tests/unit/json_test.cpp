// The JSON wrapper: what it takes, what it refuses and where, and that values survive.
#include <gtest/gtest.h>

#include "common/json/duplicates.h"
#include "common/json/json.h"

namespace sluice {
namespace {

TEST(JsonParse, OneValueAndNothingAfterIt) {
  for (const char* good : {"1", "\"a\"", "null", "true", "[]", "{}", " {\"a\": [1, 2.5]} \n"})
    EXPECT_TRUE(Json::parse(good).has_value()) << good;
  for (const char* bad : {"",          " ",
                          "{",         "[1",
                          "{} {}",     "1 2",
                          "{\"a\":}",  "[1,]",
                          "nul",       "\"a",
                          "/* c */ 1", "// c\n1",
                          "\"\xff\"",  "{\"a\" 1}",
                          "{'a': 1}",  "NaN",
                          "-Infinity", "True",
                          "[1 , ]",    "{\"a\":1,}",
                          "\"a\nb\"",  "12345678901234567890"})
    EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
}

// json-c takes these and prints numbers as they came: what a user emits would be JSON no longer.
TEST(JsonParse, NumbersAndLiteralsAreTheGrammars) {
  for (const char* good :
       {"0", "-0", "-1", "10", "0.5", "-0.5e+10", "1E5", "1e-05", "1e400", "null"})
    EXPECT_TRUE(Json::parse(good).has_value()) << good;
  for (const char* bad :
       {"1.",  ".5",    "-.5",   "01",  "-01",  "01.5", "1.e5",  "1e",       "1e+",  "+1", "-",
        "1-2", "1.5.5", "1e5e5", "nan", "truE", "NULL", "False", "infinity", "0x10", "1_0"}) {
    EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
    EXPECT_FALSE(Json::parse("[" + std::string(bad) + "]").has_value()) << bad;
    EXPECT_FALSE(Json::parse("{\"a\":" + std::string(bad) + "}").has_value()) << bad;
  }
}

TEST(JsonParse, EscapesAreTheGrammars) {
  EXPECT_EQ(Json::parse(R"("\u0041\n\/")")->str(), "A\n/");
  for (const char* bad : {R"("\x")", R"("\u12")", R"("\u12g4")", R"("\'")", R"("\)"})
    EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
  // json-c would cut the key there, and two keys be one.
  EXPECT_FALSE(Json::parse(R"({"a\u0000b":1,"a":2})").has_value());
  EXPECT_FALSE(Json::parse(R"({"a\u0000b" :1})").has_value());
  EXPECT_EQ(Json::parse(R"({"a":"x\u0000y"})")->get("a").str(), std::string("x\0y", 3));
}

TEST(JsonParse, CommentsWhereAsked) {
  auto v = Json::parse("// first\n{/* second */ \"a\": 1} // third\n", true);
  ASSERT_TRUE(v.has_value());
  EXPECT_EQ(v->get("a").integer(), 1);
  EXPECT_FALSE(Json::parse("{} x", true).has_value());
}

TEST(JsonParse, ErrorNamesThePlace) {
  auto v = Json::parse("{\n  \"a\": 1,\n  \"b\": x\n}");
  ASSERT_FALSE(v.has_value());
  EXPECT_NE(v.error().what.find("line 3"), std::string::npos) << v.error().what;
}

TEST(JsonParse, TheCommonestSlipsByName) {
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"{\"a\": 1,\n}", "line 1 column 8: not JSON: a comma before }"},
           {"[1, ]", "not JSON: a comma before ]"},
           {"{'a': 1}", "line 1 column 2: not JSON: strings stand in double quotes"}})
    EXPECT_NE(Json::parse(text, true).error().what.find(expected), std::string::npos)
        << Json::parse(text, true).error().what;
}

TEST(JsonParse, DepthIsBounded) {
  EXPECT_TRUE(Json::parse(std::string(20, '[') + std::string(20, ']')).has_value());
  EXPECT_FALSE(Json::parse(std::string(5000, '[') + std::string(5000, ']')).has_value());
  EXPECT_FALSE(Json::parse("[[[1]]]", false, 2).has_value());
}

TEST(Json, TextSurvives) {
  for (std::string s : {"", "a\"b\\c/d", "\n\r\t\x01\x1f\x7f", "日本 \U0001f680"}) {
    Json o = Json::object();
    o.set("k", Json::of(s));
    auto back = Json::parse(o.dump());
    ASSERT_TRUE(back.has_value()) << o.dump();
    EXPECT_EQ(back->get("k").str(), s);
    EXPECT_EQ(o.dump().find('\n'), std::string::npos);
    auto quoted = Json::parse(json_quote(s));
    ASSERT_TRUE(quoted.has_value()) << json_quote(s);
    EXPECT_EQ(quoted->str(), s);
  }
}

TEST(Json, NumbersSurvive) {
  for (int64_t n : {int64_t{0}, int64_t{-1}, int64_t{999'999'999'999'999'999}}) {
    auto back = Json::parse(Json::of(n).dump());
    ASSERT_TRUE(back.has_value());
    EXPECT_TRUE(back->is_int());
    EXPECT_EQ(back->integer(), n);
  }
  EXPECT_DOUBLE_EQ(Json::parse("0.25")->number(), 0.25);
  // Beyond what readers agree on; json-c would change the number and say nothing.
  for (const char* bad : {"9223372036854775808", "NaN", "Infinity", "-Infinity"})
    EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
}

TEST(Json, WhatIsAbsentIsNull) {
  Json o = Json::object();
  o.set("a", Json::of(1));
  o.set("null", Json());
  EXPECT_TRUE(o.get("b").is_null());
  EXPECT_FALSE(o.has("b"));
  EXPECT_TRUE(o.has("null"));
  EXPECT_TRUE(o.get("a").get("deeper").is_null());
  EXPECT_TRUE(Json().get("x").is_null());
  EXPECT_EQ(o.get("a").str("fallback"), "fallback");
  EXPECT_EQ(o.get("b").integer(7), 7);
  EXPECT_TRUE(o.at(0).is_null());
}

TEST(Json, CopiesShareTheValue) {
  Json a = Json::object();
  Json b = a;
  b.set("k", Json::of(1));
  EXPECT_EQ(a.get("k").integer(), 1);
}

TEST(Json, MembersKeepTheirOrder) {
  auto o = Json::parse(R"({"z": 1, "a": 2, "m": 3})");
  std::string keys;
  for (const auto& [k, v] : o->members()) keys += k;
  EXPECT_EQ(keys, "zam");
  EXPECT_EQ(o->size(), 3U);
  o->remove("a");
  EXPECT_EQ(o->dump(), R"({"z":1,"m":3})");
}

TEST(Json, KeysThatOccurTwice) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(duplicate_keys(R"({"a":1,"b":{"a":1,"c":"a"},"c":["a","a"]})"), Paths{});
  EXPECT_EQ(duplicate_keys(R"({"a":1,"b":{"x":1,"y":2,"x":3,"x":4},"a":{}})"), (Paths{"a", "b.x"}));
  EXPECT_EQ(duplicate_keys(R"([{"a":1},{"a":1,"b":[],"a":2}])"), Paths{"[1].a"});
  EXPECT_EQ(duplicate_keys(R"({"r":[[],{"a":{},"a":[]}]})"), Paths{"r[1].a"});
  EXPECT_EQ(duplicate_keys("{\"a\":1, // \"a\": 2,\n /* \"a\": 3, { */ \"b\":1}"), Paths{});
  EXPECT_EQ(duplicate_keys(R"({"a\u0062":1,"ab":"\",\"ab\":1","{":"}","ab ":1})"), Paths{"ab"});
  EXPECT_EQ(duplicate_keys(R"("a")"), Paths{});
}

}  // namespace
}  // namespace sluice
