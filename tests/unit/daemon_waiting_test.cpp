// Records that wait for slurmctld: in order within a job, never behind another's, not for ever.
#include "ctld/sluiced/waiting.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"

namespace sluice::daemon {
namespace {

class WaitingRecords : public ::testing::Test {
 protected:
  Item item(uint32_t job, const std::string& id) {
    Item i;
    i.record.id = id;
    i.record.kind = "start";
    i.record.fields["@job_id"] = std::to_string(job);
    i.since_ms = clock::mono_ms();
    return i;
  }
  void add(uint32_t job, const std::string& id) { waiting_.add(item(job, id)); }
  // slurmctld's answer to the ask of that number.
  void answer(uint32_t job, uint64_t number, Answer::Status status = Answer::Status::found) {
    Answer a;
    a.status = status;
    a.asked = number;
    waiting_.answered({{job, a}}, &ready_);
  }
  // The ids that may go now, with "?" where slurmctld did not answer.
  std::string gone() {
    std::string out;
    for (const auto& i : ready_)
      out += i.record.id + (i.answer.status == Answer::Status::unreachable ? "? " : " ");
    ready_.clear();
    return out;
  }
  void later(int64_t ms) {
    clock::advance_for_tests(ms);
    waiting_.give_up(10'000, &ready_);
  }

  std::vector<std::pair<uint32_t, uint64_t>> asks_;
  std::deque<Item> ready_;
  Waiting waiting_{[this](uint32_t job, uint64_t number) { asks_.emplace_back(job, number); }};
};

TEST_F(WaitingRecords, GoWithTheAnswerInOrder) {
  add(7, "a");
  ASSERT_EQ(asks_.size(), 1U);
  EXPECT_TRUE(waiting_.holds(7));
  EXPECT_FALSE(waiting_.holds(8));
  answer(7, asks_[0].second);
  EXPECT_EQ(gone(), "a ");
  EXPECT_FALSE(waiting_.holds(7));
  EXPECT_EQ(waiting_.size(), 0);
}

TEST_F(WaitingRecords, WhatCameAfterTheAskIsAskedForAgain) {
  add(7, "start");
  add(7, "end");  // the answer on its way may be older than this
  ASSERT_EQ(asks_.size(), 1U);
  answer(7, asks_[0].second);
  EXPECT_EQ(gone(), "start ");
  ASSERT_EQ(asks_.size(), 2U);
  answer(7, asks_[0].second);  // late and old: nobody's
  EXPECT_EQ(gone(), "");
  answer(7, asks_[1].second);
  EXPECT_EQ(gone(), "end ");
}

TEST_F(WaitingRecords, OneJobDoesNotWaitForAnother) {
  add(7, "a");
  add(8, "b");
  answer(8, asks_[1].second);
  EXPECT_EQ(gone(), "b ");
  EXPECT_EQ(waiting_.size(), 1);
}

TEST_F(WaitingRecords, AreAskedForAgainAfterAWhile) {
  add(7, "a");
  answer(7, asks_[0].second, Answer::Status::unreachable);
  later(100);
  EXPECT_EQ(asks_.size(), 1U);
  later(500);
  ASSERT_EQ(asks_.size(), 2U);
  answer(7, asks_[1].second);
  EXPECT_EQ(gone(), "a ");
}

TEST_F(WaitingRecords, GoWithoutAnAnswerAtLastEachAfterItsOwnWait) {
  add(7, "start");
  later(9'000);
  add(7, "end");
  later(1'500);
  EXPECT_EQ(gone(), "start? ");
  EXPECT_TRUE(waiting_.holds(7));
  later(9'000);
  EXPECT_EQ(gone(), "end? ");
  EXPECT_FALSE(waiting_.holds(7));
  answer(7, asks_[0].second);  // nobody waits for it any more
  EXPECT_EQ(gone(), "");
}

TEST_F(WaitingRecords, AnAnswerStillServesWhoIsLeft) {
  add(7, "start");
  answer(7, asks_[0].second, Answer::Status::unreachable);
  later(9'000);  // asks again
  ASSERT_EQ(asks_.size(), 2U);
  add(7, "end");
  later(1'500);
  EXPECT_EQ(gone(), "start? ");
  answer(7, asks_[1].second);  // asked before "end" came
  EXPECT_EQ(gone(), "");
  later(0);
  ASSERT_EQ(asks_.size(), 3U);
  answer(7, asks_[2].second);
  EXPECT_EQ(gone(), "end ");
}

}  // namespace
}  // namespace sluice::daemon
