// What a sweep makes up for: starts, ends, cancels and losses that no hook told of, each once.
#include "ctld/sluiced/reconcile.h"

#include <set>

#include "common/base/clock.h"
#include "tests/unit/importing.h"
#include "tests/unit/slurm_says.h"

namespace sluice::daemon {
namespace {

using slurm::JobInfo;

JobInfo job(uint32_t id, uint32_t state, int64_t start, uint32_t restart = 0) {
  JobInfo j = job_info(id, state, start, restart);
  j.submit_time = 50;
  j.end_time = state >= kComplete ? start + 30 : 0;
  j.uid = 1000;
  return j;
}

JobInfo cancelled(uint32_t id, int64_t when) {
  JobInfo j = job(id, kCancelled, when);
  j.end_time = when;
  j.nodes = "";
  return j;
}

class Reconcile : public Importing {
 protected:
  Reconcile() { events_.set_config(std::make_shared<config::Config>()); }

  // Everything journaled so far was there before slurmctld was asked.
  bool sweep(std::vector<JobInfo> jobs, const std::set<uint32_t>& busy = {}) {
    return sweep_of(clock::wall_us() + 1'000'000, std::move(jobs), busy);
  }
  bool sweep_of(int64_t asked_us, std::vector<JobInfo> jobs, const std::set<uint32_t>& busy = {}) {
    Sweep s;
    s.asked_us = asked_us;
    s.forgotten_before = forgotten_before_;
    s.told_elsewhere_before = told_elsewhere_before_;
    s.jobs = std::move(jobs);
    journal::Transaction t(journal_->db());
    bool whole = reconcile(
        s, *journal_, import_, [&](uint32_t id) { return busy.contains(id); }, [&] { ++pauses_; });
    t.commit();
    return whole;
  }
  // The types of the job's events, in the journal's order.
  std::vector<std::string> told(uint32_t id = 7) {
    std::vector<std::string> out;
    journal::EventFilter filter;
    filter.job_id = id;
    for (const auto& row : journal_->events(filter)) out.push_back(row.event.type);
    return out;
  }
  using Types = std::vector<std::string>;

  int pauses_ = 0;
  int64_t forgotten_before_ = 0;
  int64_t told_elsewhere_before_ = 0;
};

TEST_F(Reconcile, WhatNoHookToldOfIsMadeUpOnce) {
  EXPECT_TRUE(sweep({job(7, kRunning, 100)}));
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
  sweep({job(7, kRunning, 100)});
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
  sweep({job(7, kComplete, 100)});
  sweep({job(7, kComplete, 100)});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.end"}));
  EXPECT_EQ(stats_.reconciled, 2);
  EXPECT_TRUE(journal_->open_runs(0, 10).empty());
}

TEST_F(Reconcile, AJobThatOnlyWaitsIsNoRun) {
  EXPECT_TRUE(sweep({job(7, kPending, 0), job(8, kPending, 900)}));
  EXPECT_TRUE(told(7).empty());
  EXPECT_TRUE(told(8).empty());
}

TEST_F(Reconcile, ACancelWhilePendingIsToldOnce) {
  sweep({cancelled(7, 120)});
  sweep({cancelled(7, 120)});
  EXPECT_EQ(told(), (Types{"slurm.job.cancelled"}));
}

TEST_F(Reconcile, AForgottenRunIsLost) {
  sweep({job(7, kRunning, 100)});
  EXPECT_TRUE(sweep({}));
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.lost"}));
  sweep({});
  EXPECT_EQ(told().size(), 2U);
}

TEST_F(Reconcile, ARunThatEndedUnderAnotherControllerIsNotLost) {
  sweep({job(7, kRunning, 100)});
  sweep({job(7, kRunning, 100), job(8, kRunning, 300)});
  told_elsewhere_before_ = 200;
  sweep({});
  EXPECT_EQ(told(8), (Types{"slurm.job.start", "slurm.job.lost"}));  // it began here
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
  EXPECT_TRUE(journal_->open_runs(0, 10).empty());
}

TEST_F(Reconcile, ARunWhoseIdIsAnothersByNowIsLost) {
  sweep({job(7, kRunning, 100)});
  JobInfo other = job(7, kRunning, 400);
  other.submit_time = 390;
  sweep({other});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.start", "slurm.job.lost"}));
}

TEST_F(Reconcile, ARunThatWasPutBackHasEnded) {
  sweep({job(7, kRunning, 100)});
  sweep({job(7, kPending, 0, 1)});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.end", "slurm.job.requeue"}));
  sweep({job(7, kRunning, 300, 1)});
  EXPECT_EQ(told().back(), "slurm.job.start");
  EXPECT_EQ(told().size(), 4U);
}

TEST_F(Reconcile, AStartTimeThatSlurmMovedIsTheSameRun) {
  sweep({job(7, kRunning, 100)});
  sweep({job(7, kRunning, 160)});  // its nodes had to boot
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
  sweep({job(7, kComplete, 160)});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.end"}));
}

TEST_F(Reconcile, AMovedStartOnOtherNodesIsAnotherRun) {
  sweep({job(7, kRunning, 100)});
  JobInfo elsewhere = job(7, kRunning, 160);
  elsewhere.nodes = "n1";
  sweep({elsewhere});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.start", "slurm.job.lost"}));
}

TEST_F(Reconcile, WhatCameAfterSlurmctldWasAskedIsNotLost) {
  sweep({job(7, kRunning, 100)});
  EXPECT_FALSE(sweep_of(clock::wall_us() - 60'000'000, {}));
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
}

TEST_F(Reconcile, WhatIsOnItsWayIsLeftToTheNextSweep) {
  EXPECT_FALSE(sweep({job(7, kRunning, 100)}, {7}));
  EXPECT_TRUE(told().empty());
  sweep({job(7, kRunning, 100)});
  EXPECT_FALSE(sweep({}, {7}));
  EXPECT_EQ(told(), (Types{"slurm.job.start"}));
}

TEST_F(Reconcile, WhatTheJournalForgotIsNotToldAgain) {
  forgotten_before_ = 200;
  sweep({job(7, kComplete, 100), cancelled(8, 120)});
  EXPECT_TRUE(told(7).empty());
  EXPECT_TRUE(told(8).empty());
  forgotten_before_ = 110;
  sweep({job(7, kComplete, 100), cancelled(8, 120)});
  EXPECT_EQ(told(7).size(), 2U);
  EXPECT_EQ(told(8).size(), 1U);
}

TEST_F(Reconcile, ARunThatIsOpenEndsHoweverLongAgo) {
  sweep({job(7, kRunning, 100)});
  forgotten_before_ = 1000;
  sweep({job(7, kComplete, 100)});
  EXPECT_EQ(told(), (Types{"slurm.job.start", "slurm.job.end"}));
}

TEST_F(Reconcile, OthersGetTheirTurn) {
  std::vector<JobInfo> jobs;
  for (uint32_t id = 1; id <= 1200; ++id) jobs.push_back(job(id, kRunning, 100));
  sweep(jobs);
  EXPECT_GE(pauses_, 4);  // 1,200 jobs and as many runs
}

}  // namespace
}  // namespace sluice::daemon
