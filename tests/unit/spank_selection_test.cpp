#include "common/event/selection.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace sluice {
namespace {

struct Good {
  const char* text;
  const char* meaning;
};

// "name=bits in hex" of each sink.
std::string meaning(const Selection& selection) {
  std::string text;
  for (size_t i = 0; i < selection.count; ++i) {
    char one[100];
    snprintf(one, sizeof one, "%s%s=%x", i > 0 ? " " : "", selection.sinks[i].name,
             selection.sinks[i].events);
    text += one;
  }
  return text;
}

TEST(Selection, MeansWhatTheGrammarSays) {
  // start 1, end 2, launch 4, exit 8, step 10, fail 20, cancelled 40, requeue 80, lost 100, user
  // 200
  const Good table[] = {
      {"bus", "bus=3cf"},
      {"bus:all", "bus=3df"},
      {"bus:end", "bus=2"},
      {"bus:end,fail", "bus=22"},
      {"bus:start,end,launch,exit,step,fail,cancelled,requeue,lost,user", "bus=3ff"},
      {"bus,hook", "bus=3cf hook=3cf"},
      {"bus:end,hook", "bus=2 hook=3cf"},
      {"bus:end,hook:fail,lost", "bus=2 hook=120"},
      {"bus:end,hook,other:step", "bus=2 hook=3cf other=10"},
      {"bus:end,bus:start", "bus=3"},
      {"bus:step,bus", "bus=3df"},
      {"a.b-c_d:user", "a.b-c_d=200"},
      {"0", "0=3cf"},
      {"ends:end", "ends=2"},
      {"End", "End=3cf"},
  };
  for (const Good& good : table) {
    Selection selection;
    char error[200];
    ASSERT_TRUE(parse_selection(good.text, &selection, error, sizeof error))
        << good.text << ": " << error;
    EXPECT_EQ(meaning(selection), good.meaning) << good.text;
    EXPECT_STREQ(error, "");
    uint32_t all = 0;
    for (size_t i = 0; i < selection.count; ++i) all |= selection.sinks[i].events;
    EXPECT_EQ(selection.events, all);
  }
}

TEST(Selection, SaysWhatIsWrong) {
  const std::string name64(64, 'n');
  const std::string name65(65, 'n');
  std::string many = "s0";
  for (int i = 1; i < 17; ++i) many += ",s" + std::to_string(i);
  struct Bad {
    std::string text;
    const char* says;
  };
  const Bad table[] = {
      {"", "it is empty"},
      {",", "missing beside a comma"},
      {"bus,", "missing beside a comma"},
      {",bus", "missing beside a comma"},
      {"bus,,hook", "missing beside a comma"},
      {"bus:end,,fail", "missing beside a comma"},
      {"bus:", "\"\" after \"bus:\" is no event"},
      {"bus:,end", "\"\" after \"bus:\" is no event"},
      {"bus:End", "\"End\" after \"bus:\" is no event; events are start, end"},
      {"bus:end:fail", "\"end:fail\" after \"bus:\" is no event"},
      {"bus::end", "\":end\" after \"bus:\" is no event"},
      {":end", "\"\" is no sink name"},
      {"end", "\"end\" is an event, not a sink"},
      {"all:end", "\"all\" is an event, not a sink"},
      {"bus,end", "\"end\" is an event, not a sink"},
      {"bus,fail:end", "\"fail\" is an event, not a sink"},
      {"bus:end,all:fail", "\"all\" is an event, not a sink"},
      {" bus", "\" bus\" is no sink name"},
      {"bus ", "is no sink name"},
      {"bus:end ", "\"end \" after"},
      {"-bus", "is no sink name"},
      {".", "is no sink name"},
      {"_x", "is no sink name"},
      {"bus/x", "is no sink name"},
      {"https://example.org/", "\"//example.org/\" after \"https:\" is no event"},
      {"bus;rm", "is no sink name"},
      {"b\xc3\xbcs", "\"b??s\" is no sink name"},
      {"bus\n", "\"bus?\" is no sink name"},
      {"\x1b[31mbus", "\"?[31mbus\" is no sink name"},
      {name65, "is no sink name"},
      {many, "more than 16 sinks"},
      {std::string(1025, 'a'), "longer than the 1024 bytes"},
      {"bus:end" + std::string(1 << 20, ','), "longer than the 1024 bytes"},
  };
  for (const Bad& bad : table) {
    Selection selection;
    char error[300];
    EXPECT_FALSE(parse_selection(bad.text.c_str(), &selection, error, sizeof error)) << bad.text;
    EXPECT_NE(std::string(error).find(bad.says), std::string::npos)
        << bad.text.substr(0, 80) << ": " << error;
    EXPECT_EQ(selection.count, 0U);
    EXPECT_EQ(selection.events, 0U);
  }
  Selection selection;
  char error[300];
  EXPECT_FALSE(parse_selection(nullptr, &selection, error, sizeof error));
  EXPECT_TRUE(parse_selection(name64.c_str(), &selection, error, sizeof error));
  EXPECT_TRUE(
      parse_selection(many.substr(0, many.rfind(',')).c_str(), &selection, error, sizeof error));
  EXPECT_EQ(selection.count, kMaxSelected);
}

TEST(Selection, ErrorFitsAnyBuffer) {
  Selection selection;
  for (size_t size : {0, 1, 2, 10}) {
    std::string buffer(16, 'x');
    EXPECT_FALSE(parse_selection("bus:bad", &selection, buffer.data(), size));
    EXPECT_EQ(buffer.substr(size), std::string(16 - size, 'x'));
    EXPECT_TRUE(size == 0 || buffer.find('\0') < size);
  }
}

// Whatever comes: no crash (sanitizers look on), a selection within bounds or an error that can
// be shown.
TEST(Selection, TakesAnything) {
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): the same texts in every run
  std::mt19937 random(20240501);
  const char* pieces[] = {"bus",  ":",  ",",    "end",  "fail", "all", "a.b", "-", " ",
                          "\xff", "\n", "step", "user", "x1",   "::",  ",,",  "0"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    size_t n = random() % 24;
    for (size_t i = 0; i < n; ++i) {
      if (random() % 12 == 0)
        text += static_cast<char>(1 + random() % 255);
      else
        text += pieces[random() % std::size(pieces)];
    }
    Selection selection;
    char error[120];
    bool good = parse_selection(text.c_str(), &selection, error, sizeof error);
    EXPECT_EQ(good, selection.count > 0);
    EXPECT_LE(selection.count, kMaxSelected);
    for (size_t i = 0; i < selection.count; ++i) {
      EXPECT_GT(strlen(selection.sinks[i].name), 0U);
      EXPECT_NE(selection.sinks[i].events, 0U);
      EXPECT_EQ(event_word(selection.sinks[i].name), 0U);
    }
    EXPECT_EQ(good, error[0] == '\0') << text;
    for (const char* c = error; *c != '\0'; ++c) EXPECT_TRUE(*c >= ' ' && *c <= '~');
  }
}

}  // namespace
}  // namespace sluice
