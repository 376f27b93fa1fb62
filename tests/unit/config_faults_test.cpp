// What is wrong with a configuration is said without repeating what may be a secret in it.
#include <gtest/gtest.h>

#include <filesystem>

#include "common/config/config.h"
#include "temp_folder.h"

namespace sluice::config {
namespace {

std::string faults(const std::string& text) {
  Problems problems;
  parse(text, "sluice.json", Role::controller, &problems);
  std::string out;
  for (const auto& p : problems) out += p.text() + "\n";
  return out;
}

std::string webhook(const std::string& keys) {
  return R"({"sinks":{"w":{"type":"webhook",)" + keys + "}}}";
}

TEST(ConfigFaults, SecretsAreNotRepeated) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {webhook(R"("url":"https://x/","header":{"Authorization":"hunter2"})"),
       "sinks.w.header: (an object): unknown key"},
      {webhook(R"("url":"https://x/","headers":["Authorization: hunter2"])"),
       "sinks.w.headers: (hidden): must be an object"},
      {webhook(R"("url":"https://x/","headers":{"Authorization: hunter2":""})"),
       "sinks.w.headers.Authorization: must be a header's name"},
      {webhook(R"("url":"https://x/","headers":{"Authorization":"hunter2\n"})"),
       "sinks.w.headers.Authorization: must be a header's name"},
      {webhook(R"("url":"https://x/","secert":"hunter2")"),
       "sinks.w.secert: (hidden): unknown key"},
      {webhook(R"("url":"https://x/","secert":["hunter2"])"),
       "sinks.w.secert: (an array): unknown key"},
      {webhook(R"("url":"https://x/","secret_file":"hunter2")"), "sinks.w.secret_file: (hidden): "},
      {webhook(R"("url":"https://x/","mode":"binary","template":"hunter2")"),
       "sinks.w.template: (hidden): replaces the body"},
      {webhook(R"("url":"https://me:hunter2@x/")"),
       "sinks.w.url: \"https://x\": must not hold user:password"},
      {webhook(R"("url":"htps://me:hunter2@x/")"), "sinks.w.url: (hidden): must be an http://"},
      {webhook(R"("url":"htps://x/hunter2")"), "sinks.w.url: \"htps://x…\": must be an http://"},
      {webhook(R"("url":"x/hunter2")"), "sinks.w.url: \"x…\": must be an http://"},
      {webhook(R"("url":"http://x.example:81/hunter2?hunter2")"),
       "sinks.w.url: \"http://x.example:81\": is not encrypted"},
      {webhook(R"("url":["https://x/hunter2"])"), "sinks.w.url: (an array): must be a string"},
      {R"({"sinks":{"w":"https://x/hunter2"}})", "sinks.w: (hidden): must be an object"},
      {R"({"sinks":{"w":["hunter2"]}})", "sinks.w: (an array): must be an object"},
      {R"({"routes":["hunter2"]})", "routes[0]: (hidden): must be an object"},
      {R"({"routes":[{"sinks":["https://x/hunter2"],"pattern":{"type":["a"]}}]})",
       "routes[0].sinks: \"https://x\": no such sink"},
      {R"({"partitions":{"p":{"sinks":["https://x/hunter2"]}}})",
       "partitions.p.sinks: (an array): must be names of sinks, not URLs"},
      {R"({"inbox":"https://x/hunter2"})", "inbox: \"https://x\": must be an absolute path"},
      {R"(["hunter2"])", "(top): (an array): must be an object"},
  };
  for (const auto& [text, expected] : cases) {
    std::string told = faults(text);
    EXPECT_NE(told.find(expected), told.npos) << text << "\n" << told;
    EXPECT_EQ(told.find("hunter2"), told.npos) << text << "\n" << told;
  }
}

TEST(ConfigFaults, WhatIsNoSecretIsShown) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"inbox":"here"})", "inbox: \"here\": must be an absolute path"},
      {R"({"surprise":1})", "surprise: 1: unknown key"},
      {R"({"surprise":true})", "surprise: true: unknown key"},
      {R"({"sweep_s":-1})", "sweep_s: -1: must be an integer"},
      {R"({"controllers":["a:1","b"]})", "controllers: \"b\": each must be HOST:PORT"},
      {R"({"routes":[{"sinks":["buss"],"pattern":{"type":["a"]}}]})",
       "routes[0].sinks: \"buss\": no such sink"},
      {webhook(R"("url":"ftp://x/")"), "sinks.w.url: \"ftp://x/\": must be"},
      {webhook(R"("url":"https://x/","secret_file":"/no/file")"),
       "sinks.w.secret_file: \"/no/file\": cannot be read"},
      {webhook(R"("url":"https://x/","allow":{"groups":[]})"),
       "sinks.w.allow.groups: (an array): must name somebody"},
  };
  for (const auto& [text, expected] : cases) {
    std::string told = faults(text);
    EXPECT_NE(told.find(expected), told.npos) << text << "\n" << told;
  }
}

TEST(ConfigFaults, NoKeyMayBeGivenTwice) {
  std::string told = faults(R"({"sinks":{"a":{"type":"file","path":"/a"}},
                                "sinks":{"b":{"type":"file","path":"/b"},
                                         "b":{"type":"file","path":"/c"}}})");
  EXPECT_EQ(told,
            "sinks: is given twice; keep one of them\n"
            "sinks.b: is given twice; keep one of them\n");
}

TEST(ConfigFaults, HeadersHaveNamesThatHttpCanCarry) {
  for (const char* name : {"X(Y", "X Y", "X:Y", "", "X\u00e4"}) {
    std::string told =
        faults(webhook(R"("url":"https://x/","headers":{")" + std::string(name) + R"(":"v"})"));
    EXPECT_NE(told.find("must be a header's name"), told.npos) << name << told;
  }
  EXPECT_EQ(faults(webhook(R"("url":"https://x/","headers":{"X-Y_z.1~":"v"})")), "");
}

TEST(ConfigFaults, AFileWithSecretsIsNotForAll) {
  namespace fs = std::filesystem;
  testing::TempFolder folder;
  auto usable_for_all = [&](const std::string& keys) {
    folder.put("sluice.json", webhook(keys));
    fs::path path = folder / "sluice.json";
    auto load_as = [&](int mode) {
      fs::permissions(path, static_cast<fs::perms>(mode));
      Problems problems;
      load(path, Role::controller, &problems);
      return usable(problems);
    };
    EXPECT_TRUE(load_as(0640)) << keys;
    return load_as(0644);
  };
  EXPECT_TRUE(usable_for_all(R"("url":"https://x/")"));
  EXPECT_TRUE(usable_for_all(R"("url":"https://x")"));
  EXPECT_FALSE(usable_for_all(R"("url":"https://x/services/T0/B0/XXX")"));
  EXPECT_FALSE(usable_for_all(R"("url":"https://x/?token=1")"));
  EXPECT_FALSE(usable_for_all(R"("url":"https://x/","headers":{"Authorization":"Bearer x"})"));
  EXPECT_FALSE(
      usable_for_all(R"("url":"https://x/","secret":"whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")"));
}

}  // namespace
}  // namespace sluice::config
