// What is known of users' groups, with this host's own name service.
#include "ctld/sluiced/groups.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace sluice::daemon
