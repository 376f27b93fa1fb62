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

TEST(Groups, ASlowAnswerKeepsNobodyElseWaiting) {
  clock::advance_for_tests(600'000);
  int asked = 0;
  EXPECT_TRUE(look_up_groups("slow", says(Names{"a"}, &asked, 1'500)));
  EXPECT_TRUE(look_up_groups("next", says(Names{"b"}, &asked)));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(*groups_of("next"), Names{"b"});
}

TEST(Groups, WhoIsKnownDoesNotWaitForASlowNameService) {
  clock::advance_for_tests(600'000);
  int asked = 0;
  look_up_groups("known", says(Names{"a"}, &asked));
  clock::advance_for_tests(310'000);
  look_up_groups("slower", says(Names{"a"}, &asked, 1'500));
  EXPECT_TRUE(look_up_groups("known", says(Names{"b"}, &asked)));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(*groups_of("known"), Names{"a"});
}

TEST(Groups, AFailureIsTriedAgainSoonAndNotAtOnce) {
  clock::advance_for_tests(600'000);
  int asked = 0;
  EXPECT_FALSE(look_up_groups("failing", says(std::nullopt, &asked)));
  EXPECT_FALSE(look_up_groups("failing", says(Names{"a"}, &asked)));
  EXPECT_FALSE(look_up_groups("another", says(Names{"a"}, &asked)));
  EXPECT_EQ(asked, 1);
  clock::advance_for_tests(1'100);
  EXPECT_TRUE(look_up_groups("failing", says(Names{"a"}, &asked)));
  EXPECT_EQ(*groups_of("failing"), Names{"a"});
  // One that hangs is left alone for longer.
  EXPECT_FALSE(look_up_groups("another", says(std::nullopt, &asked, 3'000)));
  clock::advance_for_tests(20'000);
  EXPECT_FALSE(look_up_groups("another", says(Names{"a"}, &asked)));
  EXPECT_EQ(asked, 3);
}

TEST(Groups, WhoMovesToAnotherIsInBothForAWhile) {
  clock::advance_for_tests(600'000);
  int asked = 0;
  look_up_groups("moves", says(Names{"a"}, &asked));
  clock::advance_for_tests(310'000);
  look_up_groups("moves", says(Names{"b"}, &asked));
  EXPECT_EQ(*groups_of("moves"), (Names{"a", "b"}));
  clock::advance_for_tests(3'700'000);
  look_up_groups("moves", says(Names{"b"}, &asked));
  EXPECT_EQ(*groups_of("moves"), Names{"b"});
}

}  // namespace
}  // namespace sluice::daemon
