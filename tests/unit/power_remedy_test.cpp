#include "common/power/remedy.h"

#include <gtest/gtest.h>

namespace sluice::power {
namespace {

constexpr uint32_t kSlurm = 64030;
constexpr int64_t kNow = 1'800'000'000;

class PowerRemedy : public ::testing::Test {
 protected:
  PowerRemedy() {
    node.cloud = true;
    row.stage = Stage::told;
    row.machine.id = "i-1";
    row.machine.address = node.address = "10.0.0.1";
    node.reason_uid = kSlurm;
  }

  Judgement judged(bool with_record = true, bool gone = false) {
    Sight s;
    s.slurm = &node;
    s.record = with_record ? &row : nullptr;
    s.machine_gone = gone;
    s.now_s = kNow;
    s.slurm_uid = kSlurm;
    return judge(s, config);
  }
  Remedy remedy(bool with_record = true, bool gone = false) {
    return judged(with_record, gone).remedy;
  }

  slurm::NodeInfo node;
  Node row;
  Config config;
};

TEST_F(PowerRemedy, WhatIsWellIsLeftAlone) {
  node.idle = true;
  EXPECT_EQ(remedy(), Remedy::none);
  node.idle = false;
  node.allocated = true;
  EXPECT_EQ(remedy(), Remedy::none);
  node.powering_up = true;
  EXPECT_EQ(remedy(), Remedy::none);
  node = {};
  node.idle = node.powered_down = true;
  EXPECT_EQ(remedy(false), Remedy::none);
  node.powered_down = false;
  node.powering_down = node.not_responding = true;
  EXPECT_EQ(remedy(), Remedy::none);
}

TEST_F(PowerRemedy, DownAndNotRespondingNodesArePoweredDown) {
  node.down = node.not_responding = true;
  node.reason = "ResumeTimeout reached";
  EXPECT_EQ(remedy(), Remedy::power_down);
  EXPECT_EQ(judged().after_s, config.stuck_s / 2);
  node = {};
  node.idle = node.not_responding = true;
  EXPECT_EQ(remedy(), Remedy::power_down);
}

TEST_F(PowerRemedy, DownAndPoweredDownIsReturnedToUse) {
  node.down = node.powered_down = true;
  node.reason = "Not responding";
  EXPECT_EQ(remedy(false), Remedy::return_to_use);
  node.down = false;
  node.idle = node.draining = true;
  EXPECT_EQ(remedy(false), Remedy::return_to_use);
}

TEST_F(PowerRemedy, AnAdministratorsReasonIsTheirs) {
  node.reason = "broken fan";
  node.reason_uid = 1000;
  node.idle = node.draining = node.powered_down = true;
  EXPECT_EQ(remedy(false), Remedy::none);
  node.idle = node.draining = node.powered_down = false;
  node.down = true;
  EXPECT_EQ(remedy(), Remedy::none);
}

TEST_F(PowerRemedy, OneThatCouldNotComeRestsFirst) {
  node.down = true;
  node.reason = "sluice: InsufficientInstanceCapacity: none";
  node.reason_time = kNow - config.fail_hold_s + 1;
  EXPECT_EQ(remedy(false), Remedy::none);
  node.reason_time -= 1;
  EXPECT_EQ(remedy(false), Remedy::power_down);
}

TEST_F(PowerRemedy, ANodeThatSlurmWaitsForIsLaunchedOrTold) {
  node.allocated = node.powering_up = true;
  EXPECT_EQ(remedy(false), Remedy::launch);
  row.stage = Stage::launched;
  EXPECT_EQ(remedy(), Remedy::tell);
  row.stage = Stage::told;
  node.address = "aws-node-0";
  EXPECT_EQ(remedy(), Remedy::tell);
  row.stage = Stage::launching;
  EXPECT_EQ(remedy(), Remedy::none);
}

TEST_F(PowerRemedy, AMachineOfAPoweredDownNodeEnds) {
  node.idle = node.powered_down = true;
  EXPECT_EQ(remedy(), Remedy::end_machine);
  EXPECT_EQ(judged().after_s, config.stuck_s);
  row.stage = Stage::launching;
  EXPECT_EQ(remedy(), Remedy::none);
}

TEST_F(PowerRemedy, AMachineThatIsGoneGivesItsJobsBack) {
  node.allocated = true;
  row.machine.why = "Server.SpotInstanceTermination";
  Judgement found = judged(true, true);
  EXPECT_EQ(found.remedy, Remedy::lost);
  EXPECT_EQ(found.reason, "sluice: its machine is gone: Server.SpotInstanceTermination");
  EXPECT_EQ(found.after_s, config.stuck_s / 6);
}

TEST_F(PowerRemedy, StuckInCompletingAndDraining) {
  node.idle = node.completing = node.draining = true;
  EXPECT_EQ(remedy(), Remedy::set_down);
  EXPECT_EQ(judged().after_s, config.stuck_s);
}

TEST_F(PowerRemedy, WhatAnAdministratorHasDrainedStaysAsItIs) {
  node.idle = node.draining = node.not_responding = true;
  node.reason = "looking into it";
  node.reason_uid = 1000;
  EXPECT_EQ(remedy(), Remedy::none);
  // Its machine is gone: its jobs are put back, but the reason stays theirs.
  EXPECT_EQ(remedy(true, true), Remedy::lost);
  EXPECT_EQ(judged(true, true).reason, "");
}

TEST_F(PowerRemedy, ADrainedNodeIsNotSetDownWhileJobsRun) {
  node.completing = node.draining = node.allocated = true;
  node.reason = "Kill task failed";
  EXPECT_EQ(remedy(), Remedy::none);
  node.allocated = false;
  EXPECT_EQ(remedy(), Remedy::set_down);
}

TEST_F(PowerRemedy, OnlyWhatNeverRegisteredHasNeverCome) {
  Sight s;
  s.slurm = &node;
  s.record = &row;
  s.slurm_uid = kSlurm;
  row.since_us = kNow * 1'000'000;
  node.down = node.powered_down = true;
  node.reason = "ResumeTimeout reached";
  EXPECT_TRUE(never_came(s));
  // It did register, while nobody looked.
  node.slurmd_start_time = kNow + 40;
  EXPECT_FALSE(never_came(s));
  node.slurmd_start_time = kNow - 3600;  // of an earlier life
  EXPECT_TRUE(never_came(s));
  node.reason_uid = 1000;
  EXPECT_FALSE(never_came(s));
}

TEST_F(PowerRemedy, NothingIsLaunchedThatSlurmctldHasNotAskedFor) {
  node.powering_up = true;
  EXPECT_EQ(remedy(false), Remedy::launch);
  node.powered_down = true;  // ResumeRate lets it wait
  EXPECT_EQ(remedy(false), Remedy::none);
}

}  // namespace
}  // namespace sluice::power
