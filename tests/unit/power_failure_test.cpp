// What power save learns from failures, and does differently afterwards.
#include <gtest/gtest.h>

#include "common/json/json.h"
#include "common/power/bucket.h"
#include "common/power/interruptions.h"
#include "common/power/policy.h"
#include "power_world.h"

namespace sluice::power {
namespace {

using Fates = std::map<std::string, Fate>;
using Notices = std::vector<std::string>;

class PowerFailure : public ::testing::Test {
 protected:
  PowerFailure() {
    Partition partition;
    partition.name = "aws";
    Group group;
    group.partition = "aws";
    group.name = "a";
    group.max_nodes = 8;
    group.region = "us-east-1";
    partition.groups.push_back(group);
    config.partitions.push_back(partition);
    config.boot_failures = 2;
    config.event_socket = "";
    world.emplace(config);
  }
  Group& group() { return config.partitions[0].groups[0]; }

  // As slurmctld does when ResumeTimeout is over.
  void never_registers(const std::string& name) {
    world->resume({name});
    auto& node = world->nodes[name];
    node.powering_up = node.idle = false;
    node.powered_down = node.down = true;
    node.reason = "ResumeTimeout reached";
    world->reconcile();
  }
  void registers(const std::string& name) {
    world->resume({name});
    auto& node = world->nodes[name];
    node.powering_up = false;
    node.slurmd_start_time = clock::wall_us() / 1'000'000;
    world->reconcile();
  }

  Config config;
  std::optional<testing::PowerWorld> world;
};

TEST_F(PowerFailure, WhatSpotCannotGiveIsLaunchedOnDemandWhereTheGroupAllowsIt) {
  group().spot = true;
  world->provider->spot_capacity = 1;
  EXPECT_EQ(world->resume({"aws-a-0", "aws-a-1"}),
            (Fates{{"aws-a-0", Fate::told}, {"aws-a-1", Fate::failed}}));
  group().fallback = true;
  EXPECT_EQ(world->resume({"aws-a-2", "aws-a-3", "aws-a-4"}),
            (Fates{{"aws-a-2", Fate::told}, {"aws-a-3", Fate::told}, {"aws-a-4", Fate::told}}));
  auto& launches = world->provider->launches;
  ASSERT_EQ(launches.size(), 2U) << "the pool was known to be empty";
  EXPECT_TRUE(launches[1].ends_with(" 3 on-demand"));
}

TEST_F(PowerFailure, FallsBackForTheRestOfOneLaunch) {
  group().spot = group().fallback = true;
  world->provider->spot_capacity = 2;
  Fates fates = world->resume({"aws-a-0", "aws-a-1", "aws-a-2"});
  for (auto& [node, fate] : fates) EXPECT_EQ(fate, Fate::told) << node;
  auto& launches = world->provider->launches;
  ASSERT_EQ(launches.size(), 2U);
  EXPECT_TRUE(launches[0].ends_with(" 3 spot"));
  EXPECT_TRUE(launches[1].ends_with(" 1 on-demand"));
  EXPECT_EQ(world->provider->machines.size(), 3U);
  auto run = world->begin();
  EXPECT_TRUE(run.record.launches().empty());
}

TEST_F(PowerFailure, AnEmptyPoolIsForgottenInTime) {
  config.shortage_s = 0;
  group().spot = group().fallback = true;
  world->provider->spot_capacity = 0;
  world->resume({"aws-a-0"});
  world->provider->spot_capacity = 5;
  world->resume({"aws-a-1"});
  EXPECT_TRUE(world->provider->launches.back().ends_with(" 1 spot"));
}

TEST_F(PowerFailure, AGroupThatBootsAndNeverRegistersIsLeftAlone) {
  never_registers("aws-a-0");
  never_registers("aws-a-1");
  size_t launches = world->provider->launches.size();
  EXPECT_EQ(world->resume({"aws-a-2"}), (Fates{{"aws-a-2", Fate::failed}}));
  EXPECT_EQ(world->provider->launches.size(), launches);
  auto& [node, change, reason] = world->changes.back();
  EXPECT_EQ(node, "aws-a-2");
  EXPECT_EQ(change, slurm::NodeChange::down);
  EXPECT_TRUE(reason.starts_with("sluice: group aws-a is left alone")) << reason;
  // It is looked at once more afterwards, and one that comes ends the trouble.
  config.protect_s = 0;
  registers("aws-a-2");
  config.protect_s = 900;
  EXPECT_EQ(world->resume({"aws-a-3"}), (Fates{{"aws-a-3", Fate::told}}));
}

TEST_F(PowerFailure, WhoseReasonItIsDecidesAlsoWhereOnlyBootsAreFollowed) {
  auto follow = [this] {
    auto run = world->begin();
    auto session = world->session(run);
    EXPECT_TRUE(follow_boots(session));
    return run.record.trouble("aws-a").failures;
  };
  world->resume({"aws-a-0"});
  auto& node = world->nodes["aws-a-0"];
  node.down = true;
  node.reason = "root looks into it";
  node.reason_uid = 0;
  EXPECT_EQ(follow(), 0);
  node.reason = "ResumeTimeout reached";
  node.reason_uid = testing::PowerWorld::kSlurmUser;
  EXPECT_EQ(follow(), 1);
}

TEST_F(PowerFailure, OneThatRegistersInBetweenIsNoRow) {
  never_registers("aws-a-0");
  registers("aws-a-1");
  never_registers("aws-a-2");
  EXPECT_EQ(world->resume({"aws-a-3"}), (Fates{{"aws-a-3", Fate::told}}));
}

TEST_F(PowerFailure, TheRestOfAJobThatCannotRunIsTurnedAway) {
  world->resume({"aws-a-3"});  // of an earlier call for the same job
  world->provider->capacity = 1;
  world->resume({"aws-a-0", "aws-a-1"},
                {{7, {"aws-a-0", "aws-a-1"}, {"aws-a-0", "aws-a-1", "aws-a-2", "aws-a-3"}}});
  EXPECT_TRUE(std::ranges::count(
      world->changes, std::tuple(std::string("aws-a-3"), slurm::NodeChange::power_down,
                                 std::string("sluice: its job cannot get all of its nodes"))));
  world->provider->capacity = 10;
  size_t launches = world->provider->launches.size();
  EXPECT_EQ(world->resume({"aws-a-2"}), (Fates{{"aws-a-2", Fate::failed}}));
  EXPECT_EQ(world->provider->launches.size(), launches);
  EXPECT_EQ(world->resume({"aws-a-2"}, {{8, {"aws-a-2"}, {"aws-a-2"}}}),
            (Fates{{"aws-a-2", Fate::told}}));
}

TEST_F(PowerFailure, EveryTurnOfANodeIsTold) {
  registers("aws-a-0");
  EXPECT_EQ(world->notices(), (Notices{"slurm.node.resume aws-a-0", "slurm.node.ready aws-a-0"}));
  world->reconcile();
  EXPECT_EQ(world->notices().size(), 2U) << "nothing is told twice";
  world->suspend({"aws-a-0"});
  never_registers("aws-a-1");
  world->provider->capacity = 0;
  world->resume({"aws-a-2"});
  EXPECT_EQ(world->notices(), (Notices{"slurm.node.resume aws-a-0", "slurm.node.ready aws-a-0",
                                       "slurm.node.suspend aws-a-0", "slurm.node.resume aws-a-1",
                                       "slurm.node.failed aws-a-1", "slurm.node.failed aws-a-2"}));
  auto run = world->begin();
  std::set<std::string> ids;
  for (const Notice& n : run.record.notices(100)) {
    ids.insert(n.type + n.id);
    EXPECT_TRUE(Json::parse(n.data)) << n.data;
  }
  EXPECT_EQ(ids.size(), 6U);
}

TEST_F(PowerFailure, AnInterruptedNodeIsToldOfOnceAndGoes) {
  registers("aws-a-0");
  auto& node = world->nodes["aws-a-0"];
  node.draining = true;
  node.reason = std::string(kInterrupted) + "spot instance interruption: terminate";
  node.reason_uid = 0;
  world->changes.clear();
  world->reconcile();
  world->reconcile();
  EXPECT_EQ(std::ranges::count(world->notices(), "slurm.node.interrupted aws-a-0"), 1);
  ASSERT_FALSE(world->changes.empty());
  EXPECT_EQ(std::get<1>(world->changes[0]), slurm::NodeChange::power_down);
}

TEST_F(PowerFailure, ARecordThatWasLostCostsNoMachine) {
  registers("aws-a-0");
  std::string machine = world->machine_of("aws-a-0");
  {
    auto run = world->begin();
    run.record.forget("aws-a-0");
  }
  config.orphan_s = 0;
  world->reconcile();
  EXPECT_EQ(world->machine_of("aws-a-0"), machine);
  EXPECT_TRUE(world->provider->machines.contains(machine));
}

// An address that an earlier node had is another's by now.
TEST_F(PowerFailure, AMachineThatIsBeingLaunchedIsNobodyElses) {
  world->nodes["aws-a-0"].powered_down = false;
  world->nodes["aws-a-0"].address = "10.0.0.1";
  auto other = world->begin();
  Launch launch = world->begun(other, {"aws-a-1"});
  world->provider->launch(launch.request, [](Launched) {});
  ASSERT_EQ(world->provider->machines.begin()->second.address, "10.0.0.1");
  world->reconcile();
  EXPECT_EQ(world->machine_of("aws-a-0"), "");
}

TEST_F(PowerFailure, AMachineThatIsGoneIsNotAskedToEndForEver) {
  {
    auto run = world->begin();
    run.record.add(Ending{"i-gone", place_of(group()), "aws-a-0", clock::wall_us() - 600'000'000});
    run.record.add(Ending{"i-young", place_of(group()), "aws-a-1", clock::wall_us()});
  }
  world->provider->refuses = true;
  world->reconcile();
  auto run = world->begin();
  auto left = run.record.endings();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].machine, "i-young");
}

TEST_F(PowerFailure, TheMachineOfANodeThatIsNoLongerConfiguredEnds) {
  registers("aws-a-0");
  world->nodes.erase("aws-a-0");
  world->reconcile();
  EXPECT_EQ(world->provider->machines.size(), 1U) << "not at once";
  config.orphan_s = 0;
  world->reconcile();
  EXPECT_TRUE(world->provider->machines.empty());
}

TEST(PowerWarning, WhatEc2SendsByEventBridge) {
  Warning w;
  EXPECT_TRUE(parse_warning(
      R"({"detail-type":"EC2 Spot Instance Interruption Warning","detail":{"instance-id":"i-0abc","instance-action":"terminate"}})",
      &w));
  EXPECT_EQ(w.instance, "i-0abc");
  EXPECT_EQ(w.what, "spot instance interruption: terminate");
  EXPECT_TRUE(parse_warning(
      R"({"detail-type":"EC2 Instance Rebalance Recommendation","detail":{"instance-id":"i-0abc"}})",
      &w));
  for (
      const char* other :
      {"", "[]", "{", R"({"detail-type":"EC2 Spot Instance Interruption Warning"})",
       R"({"detail-type":"EC2 Spot Instance Interruption Warning","detail":{"instance-id":"i-../x"}})",
       R"({"detail-type":"Something else","detail":{"instance-id":"i-0abc"}})"})
    EXPECT_FALSE(parse_warning(other, &w)) << other;
}

TEST(PowerBuckets, ManyProcessesShareOne) {
  testing::TempFolder folder;
  Buckets one(folder.path(), "us-east-1/"), other(folder.path(), "us-east-1/");
  Buckets elsewhere(folder.path(), "eu-west-1/");
  int taken = 0;
  while (one.take("CreateFleet") == 0 && taken < 1000) ++taken;
  EXPECT_GE(taken, 25);
  EXPECT_LT(taken, 40);
  EXPECT_GT(other.take("CreateFleet"), 0);
  EXPECT_EQ(other.take("DescribeInstances"), 0);
  EXPECT_EQ(elsewhere.take("CreateFleet"), 0);
  other.drain("DescribeInstances");
  EXPECT_GT(one.take("DescribeInstances"), 0);
}

TEST(PowerBuckets, AFolderThatCannotBeWrittenHindersNobody) {
  Buckets b("/proc/nowhere", "us-east-1/");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(b.take("CreateFleet"), 0);
}

TEST(PowerPolicy, IsJsonAndNamesTheQueue) {
  Config config;
  config.interruption_queue = "https://sqs.us-east-1.amazonaws.com/123456789012/warnings";
  auto policy = Json::parse(least_policy(config, "c1"));
  ASSERT_TRUE(policy);
  std::string text = policy->dump();
  EXPECT_NE(text.find("arn:*:sqs:us-east-1:123456789012:warnings"), text.npos);
  EXPECT_NE(text.find(R"("aws:ResourceTag/sluice:cluster":"c1")"), text.npos);
}

}  // namespace
}  // namespace sluice::power
