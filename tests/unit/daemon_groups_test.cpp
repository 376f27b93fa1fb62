// What is known of users' groups, with this host's own name service and with made-up ones.
#include "ctld/sluiced/groups.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/clock.h"

namespace sluice::daemon {
namespace {

TEST(Groups, OfAUserEverybodyHas) {
  EXPECT_EQ(groups_of("root"), nullptr);  // nobody asked yet
  look_up_groups("root");
  const auto* groups = groups_of("root");
  ASSERT_NE(groups, nullptr);
  EXPECT_NE(std::ranges::find(*groups, "root"), groups->end());
}

TEST(Groups, NobodyIsInNoGroupByMistake) {
  look_up_groups("no-such-user-anywhere");
  ASSERT_NE(groups_of("no-such-user-anywhere"), nullptr);
  EXPECT_TRUE(groups_of("no-such-user-anywhere")->empty());
  look_up_groups("");
  EXPECT_EQ(groups_of(""), nullptr);
}

using Names = std::vector<std::string>;

// A name service that answers with this, after that long.
AskGroups says(std::optional<Names> groups, int* asked, int64_t after_ms = 0) {
  return [=](const std::string&) {
    ++*asked;
    clock::advance_for_tests(after_ms);
    return groups;
  };
}

Looked look_up(const std::string& user, const AskGroups& ask) {
  return look_up_groups(user, true, ask);
}

class NameService : public ::testing::Test {
 protected:
  // Whatever the tests before have left is over, and it works.
  NameService() {
    clock::advance_for_tests(600'000);
    int ignored = 0;
    look_up("somebody" + std::to_string(++tests_), says(Names{}, &ignored));
  }
  int asked_ = 0;
  static inline int tests_ = 0;
};

TEST_F(NameService, ASlowAnswerKeepsNobodyElseWaiting) {
  EXPECT_EQ(look_up("slow", says(Names{"a"}, &asked_, 1'500)), Looked::known);
  EXPECT_EQ(look_up("next", says(Names{"b"}, &asked_)), Looked::known);
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(*groups_of("next"), Names{"b"});
}

TEST_F(NameService, WhoIsKnownDoesNotWaitForASlowOne) {
  look_up("known", says(Names{"a"}, &asked_));
  clock::advance_for_tests(310'000);
  look_up("slower", says(Names{"a"}, &asked_, 1'500));
  EXPECT_EQ(look_up("known", says(Names{"b"}, &asked_)), Looked::known);
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(*groups_of("known"), Names{"a"});
}

TEST_F(NameService, AFailureIsTriedAgainSoonAndNotAtOnce) {
  EXPECT_EQ(look_up("failing", says(std::nullopt, &asked_)), Looked::not_yet);
  EXPECT_EQ(look_up("failing", says(Names{"a"}, &asked_)), Looked::not_yet);
  EXPECT_EQ(asked_, 1);
  clock::advance_for_tests(1'100);
  EXPECT_EQ(look_up("failing", says(Names{"a"}, &asked_)), Looked::known);
  EXPECT_EQ(*groups_of("failing"), Names{"a"});
}

TEST_F(NameService, OneUserWhoseLookUpFailsIsNobodyElsesTrouble) {
  look_up("broken", says(std::nullopt, &asked_, 5'000));
  EXPECT_EQ(look_up("healthy", says(Names{"a"}, &asked_)), Looked::known);
  clock::advance_for_tests(8'000);
  EXPECT_EQ(look_up("broken", says(std::nullopt, &asked_, 5'000)), Looked::given_up);
  EXPECT_EQ(look_up("healthy too", says(Names{"a"}, &asked_)), Looked::known);
  // Nor does it take up anybody's time again.
  asked_ = 0;
  clock::advance_for_tests(60'000);
  EXPECT_EQ(look_up("broken", says(Names{"a"}, &asked_)), Looked::given_up);
  EXPECT_EQ(asked_, 0);
  clock::advance_for_tests(300'000);
  EXPECT_EQ(look_up("broken", says(Names{"a"}, &asked_)), Looked::known);
}

TEST_F(NameService, OneThatIsAwayIsWaitedForOnce) {
  EXPECT_EQ(look_up("one", says(std::nullopt, &asked_, 2'000)), Looked::not_yet);
  EXPECT_EQ(look_up("two", says(std::nullopt, &asked_, 2'000)), Looked::not_yet);
  // It hangs for everybody: left alone for a while.
  EXPECT_EQ(look_up("three", says(std::nullopt, &asked_, 2'000)), Looked::not_yet);
  EXPECT_EQ(asked_, 2);
  clock::advance_for_tests(9'000);
  EXPECT_EQ(look_up("three", says(std::nullopt, &asked_)), Looked::given_up);
  clock::advance_for_tests(60'000);
  EXPECT_EQ(look_up("four", says(std::nullopt, &asked_)), Looked::given_up);
  EXPECT_EQ(look_up("five", says(Names{"a"}, &asked_)), Looked::known);
}

TEST_F(NameService, WhoWasGivenUpIsBackWithIt) {
  for (int i = 0; i < 12; ++i) {
    look_up("patient", says(std::nullopt, &asked_));
    clock::advance_for_tests(1'100);
  }
  EXPECT_EQ(look_up("patient", says(std::nullopt, &asked_)), Looked::given_up);
  clock::advance_for_tests(1'100);
  EXPECT_EQ(look_up("patient", says(Names{"a"}, &asked_)), Looked::known);
}

// In each outage anew.
TEST_F(NameService, WhoWasGivenUpLongAgoIsWaitedForAgain) {
  look_up("again", says(std::nullopt, &asked_));
  clock::advance_for_tests(9'000);
  EXPECT_EQ(look_up("again", says(std::nullopt, &asked_)), Looked::given_up);
  clock::advance_for_tests(400'000);
  EXPECT_EQ(look_up("again", says(std::nullopt, &asked_)), Looked::not_yet);
}

TEST_F(NameService, WhoMayNotBeAskedAboutWaits) {
  EXPECT_EQ(look_up_groups("later", false, says(Names{"a"}, &asked_)), Looked::not_yet);
  EXPECT_EQ(asked_, 0);
}

TEST_F(NameService, WhoMovesToAnotherGroupIsInBothForAWhile) {
  look_up("moves", says(Names{"a"}, &asked_));
  clock::advance_for_tests(310'000);
  look_up("moves", says(Names{"b"}, &asked_));
  EXPECT_EQ(*groups_of("moves"), (Names{"a", "b"}));
  clock::advance_for_tests(3'700'000);
  look_up("moves", says(Names{"b"}, &asked_));
  EXPECT_EQ(*groups_of("moves"), Names{"b"});
}

}  // namespace
}  // namespace sluice::daemon
