// Which run a record belongs to: requeues, reused ids, provisional starts, the same second.
#include <gtest/gtest.h>

#include "ctld/sluiced/runs.h"
#include "tests/unit/slurm_says.h"
#include "tests/unit/temp_journal.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;

RawRecord hook(const char* kind, int64_t at, int64_t restart = 0, const char* nodes = "n0") {
  RawRecord r;
  r.kind = kind;
  r.wall_us = at * 1'000'000 + 500'000;
  r.fields = {{"SLURM_JOB_ID", "7"},
              {"SLURM_JOB_UID", "1000"},
              {"SLURM_JOB_USER", "alice"},
              {"SLURM_JOB_NODELIST", nodes},
              {"SLURM_JOB_RESTART_COUNT", std::to_string(restart)}};
  return r;
}

RawRecord from_node(const char* kind, int64_t at, int64_t restart = 0) {
  RawRecord r;
  r.kind = kind;
  r.wall_us = at * 1'000'000;
  r.fields = {{"@job_id", "7"}, {"@restart", std::to_string(restart)}, {"@uid", "1000"}};
  return r;
}

Answer says(uint32_t state, int64_t start, uint32_t restart = 0) {
  return found(job_info(7, state, start, restart));
}

class Runs : public ::testing::Test {
 protected:
  Found of(const RawRecord& r, const Answer& a) { return run_of_hook(*journal_, r, a); }
  sluice::testing::TempJournal journal_;
};

TEST_F(Runs, StartAndEndOfOneRunMeet) {
  Found start = of(hook("start", 100), says(kRunning, 100));
  Found end = of(hook("end", 160), says(kComplete, 100));
  EXPECT_TRUE(start.fresh);
  EXPECT_FALSE(end.fresh);
  EXPECT_EQ(start.run.row, end.run.row);
  EXPECT_EQ(end.run.start, 100);
  EXPECT_TRUE(end.info_is_this);
}

TEST_F(Runs, HookThatRunsAgainAfterARestartIsTheSameRun) {
  Found once = of(hook("start", 100), says(kRunning, 100));
  Found again = of(hook("start", 130), says(kRunning, 100));
  EXPECT_EQ(once.run.row, again.run.row);
}

TEST_F(Runs, RequeueMakesAnotherRun) {
  Found first = of(hook("start", 100), says(kRunning, 100));
  // The end hook of a requeued run shows the next restart count already.
  Found end = of(hook("end", 150, 1), says(kPending, 0, 1));
  EXPECT_EQ(end.run.row, first.run.row);
  EXPECT_FALSE(end.info_is_this);
  Found second = of(hook("start", 270, 1), says(kRunning, 270, 1));
  EXPECT_NE(second.run.row, first.run.row);
  Found last = of(hook("end", 300, 1), says(kComplete, 270, 1));
  EXPECT_EQ(last.run.row, second.run.row);
}

TEST_F(Runs, PutBackAndStartedAgainInTheSameSecond) {
  Found first = of(hook("start", 100), says(kRunning, 100));
  Found end = of(hook("end", 100, 1), says(kPending, 0, 1));
  EXPECT_EQ(end.run.row, first.run.row);
  Found second = of(hook("start", 100, 1), says(kRunning, 100, 1));
  EXPECT_TRUE(second.fresh);
  EXPECT_NE(second.run.row, first.run.row);
  EXPECT_EQ(of(hook("start", 100), says(kRunning, 100, 1)).run.row, first.run.row);
}

TEST_F(Runs, EndOfARequeuedRunAskedWhenTheNextOneRuns) {
  Found first = of(hook("start", 100), says(kRunning, 100));
  Found end = of(hook("end", 150, 1), says(kRunning, 152, 1));
  EXPECT_EQ(end.run.row, first.run.row);
  EXPECT_FALSE(end.info_is_this);
}

TEST_F(Runs, EndOfARequeuedRunAskedWhenTheNextOneRunsSinceTheSameSecond) {
  Found first = of(hook("start", 100), says(kRunning, 100));
  Found end = of(hook("end", 150, 1), says(kRunning, 150, 1));
  EXPECT_EQ(end.run.row, first.run.row);
  EXPECT_FALSE(end.info_is_this);
}

TEST_F(Runs, ReusedIdIsAnotherRun) {
  Found old = of(hook("start", 100), says(kRunning, 100));
  Found fresh = of(hook("start", 103), says(kRunning, 103));
  EXPECT_NE(old.run.row, fresh.run.row);
  Found end = of(hook("end", 110), says(kComplete, 103));
  EXPECT_EQ(end.run.row, fresh.run.row);
}

TEST_F(Runs, ForgottenJobsRecordReadWhenTheIdIsAnothers) {
  // slurmctld answers about the new job; the old record must not become a part of it.
  Found old = of(hook("start", 100), says(kRunning, 103));
  EXPECT_TRUE(old.run.provisional);
  EXPECT_FALSE(old.info_is_this);
  Found fresh = of(hook("start", 103), says(kRunning, 103));
  EXPECT_NE(old.run.row, fresh.run.row);
  EXPECT_FALSE(fresh.run.provisional);
}

TEST_F(Runs, ForgottenJobsRecordAndASweepOfTheNewJob) {
  Found old = of(hook("start", 100), says(kRunning, 101));
  Found swept = run_of_info(*journal_, *says(kRunning, 101).info);
  EXPECT_TRUE(swept.fresh);
  EXPECT_NE(old.run.row, swept.run.row);
}

TEST_F(Runs, ProvisionalStartIsRecognisedByItsEnd) {
  Found start = of(hook("start", 102), silent());
  EXPECT_TRUE(start.run.provisional);
  EXPECT_EQ(start.run.start, 102);
  Found end = of(hook("end", 160), says(kComplete, 101));
  EXPECT_EQ(end.run.row, start.run.row);
  EXPECT_TRUE(end.info_is_this);
}

TEST_F(Runs, ProvisionalStartAndSilentEnd) {
  Found start = of(hook("start", 100), silent());
  Found end = of(hook("end", 160), silent());
  EXPECT_EQ(end.run.row, start.run.row);
}

TEST_F(Runs, ProvisionalStartIsRecognisedByASweep) {
  Found start = of(hook("start", 102), silent());
  Found swept = run_of_info(*journal_, *says(kRunning, 102).info);
  EXPECT_FALSE(swept.fresh);
  EXPECT_EQ(swept.run.row, start.run.row);
}

TEST_F(Runs, SilentEndOfAnotherUsersJobIsNotTheOldRuns) {
  Found old = of(hook("start", 100), says(kRunning, 100));
  RawRecord end = hook("end", 160);
  end.fields["SLURM_JOB_USER"] = "bob";
  Found other = of(end, silent());
  EXPECT_TRUE(other.fresh);
  EXPECT_NE(other.run.row, old.run.row);
}

TEST_F(Runs, NewerSlurmSaysTheStartInTheHook) {
  RawRecord start = hook("start", 101);
  start.fields["SLURM_JOB_START_TIME"] = "100";
  Found found = of(start, silent());
  EXPECT_EQ(found.run.start, 100);
  EXPECT_FALSE(found.run.provisional);
}

TEST_F(Runs, NodeRecordFindsTheRunOfItsRestart) {
  Found first = of(hook("start", 100), says(kRunning, 100));
  Found second = of(hook("start", 270, 1), says(kRunning, 270, 1));
  Answer none;
  EXPECT_EQ(run_of_node(*journal_, from_node("exit", 150, 0), none)->run.row, first.run.row);
  EXPECT_EQ(run_of_node(*journal_, from_node("launch", 271, 1), none)->run.row, second.run.row);
}

TEST_F(Runs, NodeRecordOfAnUnseenRestartIsAskedFor) {
  of(hook("start", 100), says(kRunning, 100));
  EXPECT_FALSE(run_of_node(*journal_, from_node("launch", 271, 1), Answer{}).has_value());
}

TEST_F(Runs, LateNodeRecordOfAReusedIdIsTheOldRuns) {
  Found old = of(hook("start", 100), says(kRunning, 100));
  Found fresh = of(hook("start", 130), says(kRunning, 130));
  auto late = run_of_node(*journal_, from_node("exit", 110), Answer{});
  EXPECT_EQ(late->run.row, old.run.row);
  auto now = run_of_node(*journal_, from_node("exit", 140), Answer{});
  EXPECT_EQ(now->run.row, fresh.run.row);
}

TEST_F(Runs, NodeWhoseClockIsBehindFindsItsOnlyRun) {
  Found run = of(hook("start", 1000), says(kRunning, 1000));
  EXPECT_EQ(run_of_node(*journal_, from_node("launch", 900), Answer{})->run.row, run.run.row);
}

TEST_F(Runs, NodeRecordNobodyKnowsIsItsOwnWord) {
  auto found = run_of_node(*journal_, from_node("exit", 100), silent());
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->fresh);
  EXPECT_TRUE(found->run.provisional);
  EXPECT_EQ(found->run.start, 100);
}

// Nodes that Slurm powered up had booted at 280, three minutes after the job was given them.
Answer booted() {
  Answer a = says(kRunning, 280);
  a.info->submit_time = 90;
  return a;
}

TEST_F(Runs, StartTimeThatMovedBeforeSlurmctldWasAsked) {
  Found start = of(hook("start", 100), booted());
  EXPECT_TRUE(start.info_is_this);
  EXPECT_EQ(start.run.start, 100);
  EXPECT_EQ(start.run.submit, 90);
  EXPECT_EQ(run_of_info(*journal_, *booted().info).run.row, start.run.row);
  Answer over = booted();
  over.info->state = kComplete;
  Found end = of(hook("end", 400), over);
  EXPECT_EQ(end.run.row, start.run.row);
  EXPECT_TRUE(end.info_is_this);
}

TEST_F(Runs, StartTimeThatMovedAfterSlurmctldWasSilent) {
  Found start = of(hook("start", 100), silent());
  EXPECT_EQ(run_of_info(*journal_, *booted().info).run.row, start.run.row);
}

// slurmctld was killed after the first start, has forgotten it, and has started the job anew.
TEST_F(Runs, StartedAgainIsAnotherRunWhicheverRecordIsReadFirst) {
  Found first = of(hook("start", 100), booted());
  Found again = of(hook("start", 280), booted());
  EXPECT_NE(again.run.row, first.run.row);
  EXPECT_EQ(again.run.start, 280);
}

TEST_F(Runs, StartedAgainAndTheFirstRecordReadLast) {
  Found again = of(hook("start", 280), booted());
  Found first = of(hook("start", 100), booted());
  EXPECT_NE(again.run.row, first.run.row);
  EXPECT_FALSE(first.info_is_this);
}

RawRecord short_start(int64_t at) {
  RawRecord r;
  r.kind = "start";
  r.wall_us = at * 1'000'000 + 500'000;
  r.fields = {{"@job_id", "7"}, {"SLURM_JOB_USER", "alice"}, {"SLURM_JOB_UID", "1000"}};
  return r;
}

TEST_F(Runs, AShortRecordIsNotOfTheNextRun) {
  Answer next = booted();
  next.info->restart_count = 1;
  Found first = of(short_start(100), next);
  EXPECT_FALSE(first.info_is_this);
  EXPECT_EQ(first.run.restart, 0);
}

TEST_F(Runs, StartTimeOfAnArraysTaskThatMovedAfterSlurmctldWasSilent) {
  Found start = of(short_start(100), silent());
  EXPECT_EQ(run_of_info(*journal_, *booted().info).run.row, start.run.row);
}

TEST_F(Runs, NodeWhoseClockIsASecondBehindTheStart) {
  auto launch = run_of_node(*journal_, from_node("launch", 99), silent());
  Answer answer = says(kRunning, 100);
  answer.info->submit_time = 100;
  Found start = of(hook("start", 100), answer);
  EXPECT_EQ(start.run.row, launch->run.row);
  journal_->save_run(start.run);
  EXPECT_EQ(run_of_info(*journal_, *answer.info).run.row, launch->run.row);
}

TEST_F(Runs, AJobSubmittedAfterTheHookIsAnother) {
  Answer reused = booted();
  reused.info->submit_time = 102;
  Found start = of(hook("start", 100), reused);
  EXPECT_FALSE(start.info_is_this);
  EXPECT_NE(run_of_info(*journal_, *reused.info).run.row, start.run.row);
}

TEST_F(Runs, TimeSpentInSlurmsOwnFunctionIsNotTheStarts) {
  RawRecord start = hook("start", 130);
  start.fields["@env_us"] = "30000000";
  Found found = of(start, silent());
  EXPECT_EQ(found.run.start, 100);
  EXPECT_EQ(run_of_info(*journal_, *says(kRunning, 100).info).run.row, found.run.row);
}

TEST_F(Runs, StartAfterItsNodesWordIsThatRun) {
  auto launch = run_of_node(*journal_, from_node("launch", 101), silent());
  ASSERT_TRUE(launch && launch->fresh);
  Found start = of(hook("start", 100), silent());
  EXPECT_FALSE(start.fresh);
  EXPECT_EQ(start.run.row, launch->run.row);
  EXPECT_EQ(start.run.nodes, "n0");
}

TEST_F(Runs, NodeRecordOfAnotherUsersJobIsAskedFor) {
  of(hook("start", 100), says(kRunning, 100));
  RawRecord launch = from_node("launch", 110);
  launch.fields["@uid"] = "2000";
  EXPECT_FALSE(run_of_node(*journal_, launch, Answer{}));
}

TEST_F(Runs, WhoEmitsIsNotWhoseJobItIs) {
  Found run = of(hook("start", 100), says(kRunning, 100));
  RawRecord emitted = from_node("user", 110);
  emitted.fields["@uid"] = "2000";
  EXPECT_EQ(run_of_node(*journal_, emitted, Answer{})->run.row, run.run.row);
}

TEST_F(Runs, NodeRecordLongAfterTheEndIsAskedForAndIsTheOldRunsOnlyIfNobodyHasTheId) {
  Found old = of(hook("start", 100), says(kRunning, 100));
  old.run.state = journal::RunState::ended;
  old.run.seen_us = 160'000'000;
  journal_->save_run(old.run);
  EXPECT_TRUE(run_of_node(*journal_, from_node("exit", 200), Answer{}));
  EXPECT_FALSE(run_of_node(*journal_, from_node("exit", 900), Answer{}));
  EXPECT_EQ(run_of_node(*journal_, from_node("exit", 900), unknown())->run.row, old.run.row);
  Found other = *run_of_node(*journal_, from_node("launch", 900), says(kRunning, 890));
  EXPECT_NE(other.run.row, old.run.row);
}

TEST(MayHaveStarted, OnlyAtTheHooksTimeOrALittleBefore) {
  journal::Run run;
  run.provisional = true;
  run.start = 100;
  EXPECT_TRUE(may_have_started(run, 100, 0));
  EXPECT_TRUE(may_have_started(run, 95, 0));
  EXPECT_FALSE(may_have_started(run, 94, 0));
  EXPECT_FALSE(may_have_started(run, 101, 0));
  EXPECT_FALSE(may_have_started(run, 100, 1));
  run.provisional = false;
  EXPECT_FALSE(may_have_started(run, 99, 0));
}

}  // namespace
}  // namespace sluice::daemon
