#include <gtest/gtest.h>

#include "power_world.h"

namespace sluice::power {
namespace {

using Fates = std::map<std::string, Fate>;

Config config_of(std::vector<std::pair<std::string, int64_t>> groups) {
  Config out;
  Partition partition;
  partition.name = "aws";
  for (auto& [name, count] : groups) {
    Group group;
    group.partition = "aws";
    group.name = name;
    group.max_nodes = count;
    group.region = "us-east-1";
    partition.groups.push_back(std::move(group));
  }
  out.partitions.push_back(std::move(partition));
  return out;
}

class PowerResume : public ::testing::Test {
 protected:
  Config config = config_of({{"a", 4}, {"b", 4}});
  testing::PowerWorld world{config};
};

TEST_F(PowerResume, OneLaunchAGroupAndOneWordToSlurm) {
  EXPECT_EQ(world.resume({"aws-a-0", "aws-a-1", "aws-b-3"}),
            (Fates{{"aws-a-0", Fate::told}, {"aws-a-1", Fate::told}, {"aws-b-3", Fate::told}}));
  EXPECT_EQ(world.provider->launches.size(), 2U);
  EXPECT_EQ(world.told, 1);
  EXPECT_EQ(world.nodes["aws-a-1"].address, "10.0.0." + world.machine_of("aws-a-1").substr(2));
}

TEST_F(PowerResume, ForeignNodesAreNamed) {
  EXPECT_EQ(world.resume({"n0", "aws-a-4", "aws-a-0"}),
            (Fates{{"n0", Fate::foreign}, {"aws-a-4", Fate::foreign}, {"aws-a-0", Fate::told}}));
  world.nodes.erase("aws-a-1");
  EXPECT_EQ(world.resume({"aws-a-1"}), (Fates{{"aws-a-1", Fate::foreign}}));
  EXPECT_EQ(world.provider->launches.size(), 1U);
}

TEST_F(PowerResume, AskedAgainAtOnceNothingIsLaunchedTwice) {
  world.resume({"aws-a-0"});
  std::string machine = world.machine_of("aws-a-0");
  world.nodes["aws-a-0"].address = "forgotten";
  EXPECT_EQ(world.resume({"aws-a-0", "aws-a-1"}),
            (Fates{{"aws-a-0", Fate::told}, {"aws-a-1", Fate::told}}));
  EXPECT_EQ(world.machine_of("aws-a-0"), machine);
  EXPECT_EQ(world.nodes["aws-a-0"].address, "10.0.0." + machine.substr(2));
  EXPECT_EQ(world.provider->machines.size(), 2U);
}

// Slurm believes it powered down, and SuspendProgram never told us.
TEST_F(PowerResume, AMachineOfAnEarlierLifeEnds) {
  world.resume({"aws-a-0"});
  std::string machine = world.machine_of("aws-a-0");
  {
    auto run = world.begin();
    auto node = run.record.node("aws-a-0");
    node->since_us -= 3'600'000'000;
    run.record.put(*node);
  }
  EXPECT_EQ(world.resume({"aws-a-0"}), (Fates{{"aws-a-0", Fate::told}}));
  EXPECT_NE(world.machine_of("aws-a-0"), machine);
  EXPECT_FALSE(world.provider->machines.contains(machine));
  EXPECT_EQ(world.provider->machines.size(), 1U);
}

TEST_F(PowerResume, WhatCannotComeIsDownAtOnceWithTheCause) {
  world.provider->capacity = 1;
  EXPECT_EQ(world.resume({"aws-a-0", "aws-a-1"}, {{7, {"aws-a-1"}}}),
            (Fates{{"aws-a-0", Fate::failed}, {"aws-a-1", Fate::told}}));
  ASSERT_EQ(world.changes.size(), 1U);
  EXPECT_EQ(world.changes[0],
            std::make_tuple(std::string("aws-a-0"), slurm::NodeChange::down,
                            std::string("sluice: InsufficientInstanceCapacity: there is none")));
  EXPECT_EQ(world.machine_of("aws-a-0"), "");
}

TEST_F(PowerResume, AJobGetsAllOfItsNodesOrNone) {
  world.provider->capacity = 2;
  EXPECT_EQ(
      world.resume({"aws-a-0", "aws-a-1", "aws-a-2"}, {{7, {"aws-a-0", "aws-a-1", "aws-a-2"}}}),
      (Fates{{"aws-a-0", Fate::failed}, {"aws-a-1", Fate::failed}, {"aws-a-2", Fate::failed}}));
  EXPECT_TRUE(world.provider->machines.empty()) << "those that came for nothing have ended";
}

TEST_F(PowerResume, AKilledLaunchIsFinishedByTheNext) {
  // What a process leaves that was killed after the provider had launched.
  for (bool sent : {false, true}) {
    testing::PowerWorld fresh(config);
    {
      auto dead = fresh.begin();
      Launch launch = fresh.begun(dead, {"aws-a-0", "aws-a-1"});
      if (sent) fresh.provider->launch(launch.request, [](Launched) {});
    }
    EXPECT_EQ(fresh.resume({"aws-a-1"}), (Fates{{"aws-a-0", Fate::told}, {"aws-a-1", Fate::told}}));
    EXPECT_EQ(fresh.provider->machines.size(), 2U) << "no second launch";
  }
}

TEST_F(PowerResume, ALaunchUnderWayIsLeftAlone) {
  auto other = world.begin();
  Launch launch = world.begun(other, {"aws-a-0"});
  EXPECT_EQ(world.resume({"aws-a-0", "aws-a-1"}),
            (Fates{{"aws-a-0", Fate::already}, {"aws-a-1", Fate::told}}));
  EXPECT_EQ(world.provider->machines.size(), 1U);
}

TEST_F(PowerResume, MachinesThatAreNotVisibleYetAreWaitedFor) {
  world.provider->hidden = 3;
  EXPECT_EQ(world.resume({"aws-a-0"}), (Fates{{"aws-a-0", Fate::told}}));
}

TEST_F(PowerResume, SuspendEndsTheMachineThatTheRecordHas) {
  world.resume({"aws-a-0", "aws-a-1"});
  EXPECT_EQ(world.suspend({"aws-a-0", "aws-a-2", "n0"}),
            (Fates{{"aws-a-0", Fate::ended}, {"aws-a-2", Fate::none}, {"n0", Fate::foreign}}));
  EXPECT_EQ(world.provider->machines.size(), 1U);
  EXPECT_EQ(world.machine_of("aws-a-0"), "");
}

TEST_F(PowerResume, SuspendedWhileItIsLaunchedTheMachineEndsAsSoonAsItIsThere) {
  for (bool sent : {true, false}) {
    testing::PowerWorld fresh(config);
    {
      auto dead = fresh.begin();
      Launch launch = fresh.begun(dead, {"aws-a-0"});
      if (sent) fresh.provider->launch(launch.request, [](Launched) {});
      EXPECT_EQ(fresh.suspend({"aws-a-0"}), (Fates{{"aws-a-0", Fate::ended}}));
    }
    Fates fates = fresh.resume({});
    EXPECT_EQ(fates, sent ? (Fates{{"aws-a-0", Fate::ended}}) : Fates{});
    EXPECT_TRUE(fresh.provider->machines.empty());
    auto run = fresh.begin();
    EXPECT_TRUE(run.record.launches().empty());
    EXPECT_TRUE(fresh.changes.empty()) << "nobody waits for it: it has not failed";
  }
}

// Its host was off for a night, say: what slurmctld wanted then it does not want now.
TEST_F(PowerResume, ALaunchThatNobodyWaitsForAnyMoreIsNotMade) {
  {
    auto dead = world.begin();
    Launch launch;
    launch.token = make_token();
    launch.place = place_of(config.partitions[0].groups[0]);
    launch.nodes = {"aws-a-0"};
    launch.request = launch.token + " 1";
    launch.owner = dead.owner.name();
    launch.made_us = clock::wall_us() - 86'400'000'000;
    dead.record.add(launch);
  }
  world.nodes["aws-a-0"].powering_up = true;
  world.reconcile();
  EXPECT_TRUE(world.provider->launches.empty());
}

TEST_F(PowerResume, ANodeInUseKeepsItsMachineWhoeverResumesIt) {
  world.resume({"aws-a-0"});
  std::string machine = world.machine_of("aws-a-0");
  world.nodes["aws-a-0"].powering_up = false;
  world.nodes["aws-a-0"].allocated = true;
  {
    auto run = world.begin();
    auto node = run.record.node("aws-a-0");
    node->since_us -= 3'600'000'000;
    run.record.put(*node);
  }
  EXPECT_EQ(world.resume({"aws-a-0"}), (Fates{{"aws-a-0", Fate::already}}));
  EXPECT_EQ(world.machine_of("aws-a-0"), machine);
}

TEST_F(PowerResume, WhatSlurmctldCouldNotBeToldIsToldByReconciling) {
  world.deaf = true;
  EXPECT_EQ(world.resume({"aws-a-0"}), (Fates{{"aws-a-0", Fate::left}}));
  world.deaf = false;
  auto& node = world.nodes["aws-a-0"];
  node.powered_down = false;
  node.powering_up = true;
  EXPECT_EQ(world.reconcile(), (Fates{{"aws-a-0", Fate::mended}}));
  EXPECT_EQ(node.address, "10.0.0.1");
  EXPECT_EQ(world.reconcile(), Fates{});
}

// Its launcher was killed when it had the machine and not yet its address.
TEST_F(PowerResume, AnAddressThatNobodyLookedForIsFoundByReconciling) {
  world.resume({"aws-a-0"});
  {
    auto run = world.begin();
    auto row = run.record.node("aws-a-0");
    row->stage = Stage::launched;
    row->machine.address.clear();
    run.record.put(*row);
  }
  auto& node = world.nodes["aws-a-0"];
  node.powered_down = false;
  node.powering_up = true;
  node.address = "aws-a-0";
  EXPECT_EQ(world.reconcile(), (Fates{{"aws-a-0", Fate::mended}}));
  EXPECT_EQ(node.address, "10.0.0.1");
}

TEST_F(PowerResume, AMachineThatNoNodeHasEndsOnceItIsOldEnough) {
  Machine m;
  m.id = "i-lost";
  m.since_us = clock::wall_us();
  m.life = Life::running;
  world.provider->machines["i-lost"] = m;
  EXPECT_EQ(world.reconcile(), Fates{});
  EXPECT_EQ(world.provider->machines.size(), 1U);
  world.provider->machines["i-lost"].since_us -= 301'000'000;
  world.reconcile();
  EXPECT_TRUE(world.provider->machines.empty());
}

TEST_F(PowerResume, ANodeWhoseMachineIsGoneGivesItsJobsBack) {
  world.resume({"aws-a-0"});
  auto& node = world.nodes["aws-a-0"];
  node.powered_down = node.idle = false;
  node.allocated = true;
  node.powering_up = false;
  // Of another account's list, or a lagging one: no proof.
  std::swap(world.provider->machines, world.provider->hidden_machines);
  config.stuck_s = 0;
  EXPECT_EQ(world.reconcile(), Fates{});
  EXPECT_EQ(world.reconcile(), Fates{});
  std::swap(world.provider->machines, world.provider->hidden_machines);
  config.stuck_s = 60;
  world.provider->vanish(world.machine_of("aws-a-0"));
  EXPECT_EQ(world.reconcile(), Fates{}) << "one look is not enough";
  config.stuck_s = 1;
  EXPECT_EQ(world.reconcile(), (Fates{{"aws-a-0", Fate::mended}}));
  ASSERT_EQ(world.changes.size(), 1U);
  EXPECT_EQ(std::get<1>(world.changes[0]), slurm::NodeChange::down);
}

}  // namespace
}  // namespace sluice::power
