#include "common/power/assign.h"

#include <gtest/gtest.h>

namespace sluice::power {
namespace {

using Names = std::set<std::string>;

TEST(PowerAssign, EnoughForAll) {
  EXPECT_EQ(assign({{1, {"a", "b"}}}, {{{"a", "b", "c"}, 3}}, {}), (Names{"a", "b", "c"}));
}

TEST(PowerAssign, AJobThatCannotHaveAllGetsNone) {
  // Two machines for a job of three: the next job, which two are enough for, gets them.
  EXPECT_EQ(assign({{1, {"a", "b", "c"}}, {2, {"d", "e"}}}, {{{"a", "b", "c", "d", "e"}, 2}}, {}),
            (Names{"d", "e"}));
}

TEST(PowerAssign, JobsComeBeforeNodesOfNoJob) {
  EXPECT_EQ(assign({{1, {"c"}}}, {{{"a", "b", "c"}, 2}}, {}), (Names{"c", "a"}));
}

TEST(PowerAssign, AJobAcrossLaunchesNeedsBoth) {
  std::vector<Job> jobs{{1, {"a", "x"}}};
  EXPECT_EQ(assign(jobs, {{{"a"}, 1}, {{"x"}, 0}}, {}), Names{});
  EXPECT_EQ(assign(jobs, {{{"a"}, 1}, {{"x"}, 1}}, {}), (Names{"a", "x"}));
}

TEST(PowerAssign, JobsMayShareNodes) {
  EXPECT_EQ(assign({{1, {"a"}}, {2, {"a", "b"}}}, {{{"a", "b"}, 2}}, {}), (Names{"a", "b"}));
  EXPECT_EQ(assign({{1, {"a"}}, {2, {"a", "b"}}}, {{{"a", "b"}, 1}}, {}), (Names{"a"}));
}

TEST(PowerAssign, NodesOfNoLaunchAreThereAlready) {
  EXPECT_EQ(assign({{1, {"old", "a"}}}, {{{"a"}, 1}}, {}), (Names{"a"}));
  EXPECT_EQ(assign({{1, {"old", "a"}}}, {{{"a"}, 1}}, {"old"}), Names{});
}

}  // namespace
}  // namespace sluice::power
