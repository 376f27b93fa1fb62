// What the journal forgets is said in the log and counted.
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "ctld/sluiced/metrics.h"
#include "ctld/sluiced/retention.h"
#include "tests/unit/temp_journal.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kHourUs = 3'600'000'000;

class Retention : public ::testing::Test {
 protected:
  Retention() { config_.sinks["s"].name = "s"; }

  int64_t add(const std::string& id, int64_t time_us, size_t bytes = 100,
              const std::string& sink = "s") {
    journal::NewEvent e;
    e.id = id;
    e.time_us = time_us;
    e.body = std::string(bytes, 'x');
    int64_t seq = 0;
    journal_->add_event(e, {sink}, &seq);
    return seq;
  }
  // One pass; what it logged.
  std::string pass(int64_t min_job_age = 300) {
    ::testing::internal::CaptureStderr();
    retain(*journal_, config_, min_job_age, hold_, stats_);
    return ::testing::internal::GetCapturedStderr();
  }
  bool counted(const std::string& line) {
    return metrics_text(stats_, nullptr).find("\n" + line + "\n") != std::string::npos;
  }

  sluice::testing::TempJournal journal_;
  config::Config config_;
  Stats stats_;
  bool hold_ = false;
};

TEST_F(Retention, TheBoundSaysWhatItTook) {
  config_.max_journal_mib = 1;
  int64_t old = clock::wall_us() - kHourUs;
  for (int i = 0; i < 4; ++i)
    journal_->bury("s", add("d" + std::to_string(i), old, 1 << 19), "no", 1);
  std::string said = pass();
  EXPECT_NE(said.find(" dead letters were dropped"), std::string::npos) << said;
  EXPECT_EQ(said.find("UNDELIVERED"), std::string::npos) << said;
  EXPECT_EQ(journal_->dead_length("s"), 1);
  EXPECT_TRUE(counted("sluice_dead_letters_dropped_total 3"));
  EXPECT_TRUE(counted("sluice_events_lost_total 0"));

  journal_->drop_dead("s", 0);
  for (int i = 0; i < 4; ++i) add("q" + std::to_string(i), old, 1 << 19);
  said = pass();
  EXPECT_NE(said.find("3 UNDELIVERED events were dropped"), std::string::npos) << said;
  EXPECT_TRUE(counted("sluice_events_lost_total 3"));
}

TEST_F(Retention, TheBoundSparesWhatSlurmctldMayStillKnow) {
  config_.max_journal_mib = 1;
  int64_t seq = add("young", clock::wall_us() - 600'000'000, 1 << 21);
  journal_->settle("s", seq);
  EXPECT_NE(pass(300).find("three MinJobAge, and stay"), std::string::npos);
  EXPECT_TRUE(journal_->has_event("young"));
  EXPECT_NE(pass(100).find("within max_mib again"), std::string::npos);
  EXPECT_FALSE(journal_->has_event("young"));
}

TEST_F(Retention, ExpiredDeadLettersAreToldAndCounted) {
  config_.retain_hours = 2;
  int64_t old = clock::wall_us() - 100 * kHourUs;
  for (const char* id : {"a", "b"}) journal_->bury("s", add(id, old), "no", 1);
  EXPECT_EQ(pass(), "");
  journal_->db().exec("UPDATE dead SET time_us = time_us - 3 * 3600000000");
  std::string said = pass();
  EXPECT_NE(said.find("2 dead letters were removed"), std::string::npos) << said;
  EXPECT_NE(said.find("retain_hours=2"), std::string::npos) << said;
  EXPECT_TRUE(counted("sluice_dead_letters_expired_total 2"));
  EXPECT_FALSE(journal_->has_event("a"));
  EXPECT_EQ(pass(), "");
}

TEST_F(Retention, NothingGoesForItsAgeWhileTheClockIsDoubted) {
  int64_t seq = add("a", clock::wall_us() - 10'000 * kHourUs);
  journal_->settle("s", seq);
  hold_ = true;
  pass();
  EXPECT_TRUE(journal_->has_event("a"));
  hold_ = false;
  pass();
  EXPECT_FALSE(journal_->has_event("a"));
}

TEST_F(Retention, WhatWaitsForARemovedSinkDiesAfterItsHours) {
  add("a", clock::wall_us(), 100, "gone");
  add("b", clock::wall_us());
  journal_->db().exec("UPDATE queue SET since_us = since_us - 71 * 3600000000");
  EXPECT_NE(pass().find("sink gone is no longer configured and 1 events wait"), std::string::npos);
  EXPECT_EQ(pass(), "");  // said once
  EXPECT_EQ(journal_->queue_length("gone"), 1);
  journal_->db().exec("UPDATE queue SET since_us = since_us - 2 * 3600000000");
  std::string said = pass();
  EXPECT_NE(said.find("sink gone is no longer configured: 1 events"), std::string::npos) << said;
  EXPECT_EQ(journal_->queue_length("gone"), 0);
  EXPECT_EQ(journal_->queue_length("s"), 1);
  auto letters = journal_->dead("gone", 10);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].reason, "the sink is no longer configured");
  EXPECT_EQ(pass(), "");
}

}  // namespace
}  // namespace sluice::daemon
