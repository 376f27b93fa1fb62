// Order per job, independence of jobs, bounds: the bookkeeping of a sink's window.
#include <gtest/gtest.h>

#include "ctld/sluiced/lanes.h"

namespace sluice::daemon {
namespace {

journal::Queued row(int64_t seq, const std::string& lane, int64_t next_us = 0) {
  journal::Queued q;
  q.event.seq = seq;
  q.event.lane = lane;
  q.event.body = "12345678";
  q.next_us = next_us;
  return q;
}

std::vector<int64_t> take(Lanes& lanes, size_t count, int64_t now_us = 0, size_t max_bytes = 0,
                          Lanes::First first = Lanes::First::oldest) {
  std::vector<int64_t> out;
  auto size = [](const StoredEvent& e) { return e.body.size(); };
  for (auto* item : lanes.take(count, max_bytes, now_us, first, size))
    out.push_back(item->event.seq);
  return out;
}

using Seqs = std::vector<int64_t>;

TEST(Lanes, OneOfAJobAtATime) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a"), row(3, "b")});
  EXPECT_EQ(take(lanes, 10), (Seqs{1, 3}));
  EXPECT_EQ(take(lanes, 10), Seqs{});
  lanes.settled(1);
  EXPECT_EQ(take(lanes, 10), Seqs{2});
}

TEST(Lanes, NoJobWaitsForAnother) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a"), row(3, "b")});
  take(lanes, 1);
  lanes.postponed(1, 500);
  EXPECT_EQ(take(lanes, 10, 499), Seqs{3});
  EXPECT_EQ(lanes.next_us(), 500);
  EXPECT_EQ(take(lanes, 10, 500), Seqs{1});
  EXPECT_EQ(lanes.next_us(), INT64_MAX);
}

TEST(Lanes, ReturnedGoesAgainAtOnce) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a")});
  take(lanes, 1);
  lanes.returned(1);
  EXPECT_EQ(take(lanes, 2), Seqs{1});
}

TEST(Lanes, PostponedInTheJournalWaitsToo) {
  Lanes lanes;
  lanes.add({row(1, "a", 700), row(2, "a"), row(3, "b")});
  EXPECT_EQ(take(lanes, 10, 0), Seqs{3});
  EXPECT_EQ(lanes.next_us(), 700);
}

TEST(Lanes, PostponedBehindAHeadWaitsWhenItsTurnComes) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a", 700)});
  take(lanes, 1);
  lanes.settled(1);
  EXPECT_EQ(take(lanes, 1, 699), Seqs{});
  EXPECT_EQ(take(lanes, 1, 700), Seqs{2});
}

TEST(Lanes, BoundsOfABatch) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "b"), row(3, "c")});
  EXPECT_EQ(take(lanes, 2), (Seqs{1, 2}));
  lanes.returned(1);
  lanes.returned(2);
  EXPECT_EQ(take(lanes, 9, 0, 16), (Seqs{1, 2}));
  lanes.returned(1);
  lanes.returned(2);
  EXPECT_EQ(take(lanes, 9, 0, 3), Seqs{1});  // one always goes
}

TEST(Lanes, RowsAlreadyHereAreSkipped) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a")});
  take(lanes, 1);
  lanes.forget_position();
  EXPECT_EQ(lanes.last_seq(), 0);
  lanes.add({row(1, "a"), row(2, "a"), row(3, "a")});
  EXPECT_EQ(lanes.rows(), 3U);
  EXPECT_EQ(lanes.last_seq(), 3);
  lanes.settled(1);
  EXPECT_EQ(take(lanes, 9), Seqs{2});
}

TEST(Lanes, CountsRowsAndBytes) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a"), row(3, "b")});
  EXPECT_EQ(lanes.bytes(), 24U);
  take(lanes, 9);
  for (int64_t seq : {1, 3}) lanes.settled(seq);
  take(lanes, 9);
  lanes.settled(2);
  EXPECT_EQ(lanes.rows(), 0U);
  EXPECT_EQ(lanes.bytes(), 0U);
  EXPECT_TRUE(lanes.empty());
  lanes.add({row(4, "a")});  // its lane begins anew
  EXPECT_EQ(take(lanes, 9), Seqs{4});
}

TEST(Lanes, WhatWaitsIsOutOfTheWindow) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a"), row(3, "b")});
  take(lanes, 1);
  lanes.postponed(1, 500);
  EXPECT_EQ(lanes.rows(), 1U);
  EXPECT_EQ(lanes.bytes(), 8U);
  EXPECT_EQ(lanes.waiting(), 1U);
  EXPECT_EQ(take(lanes, 9, 500), (Seqs{1, 3}));
  EXPECT_EQ(lanes.rows(), 3U);
  EXPECT_EQ(lanes.waiting(), 0U);
}

// Many large ones that wait are kept by number and read again when their time comes.
TEST(Lanes, ManyThatWaitAreKeptByNumberAlone) {
  Lanes lanes;
  constexpr int64_t n = 100;
  auto large = [](int64_t seq, const std::string& lane) {
    auto r = row(seq, lane);
    r.event.body.assign(65'536, 'x');
    return r;
  };
  for (int64_t i = 1; i <= n; ++i) {
    lanes.add({large(i, std::to_string(i)), large(n + i, std::to_string(i))});
    EXPECT_EQ(take(lanes, 1), Seqs{i});
    lanes.postponed(i, 500);
  }
  EXPECT_EQ(lanes.bytes(), 0U);
  EXPECT_EQ(lanes.waiting(), static_cast<size_t>(n));
  EXPECT_EQ(lanes.wanted(499), 0);
  size_t reread = 0;
  for (int64_t seq = 0; (seq = lanes.wanted(500)) != 0; ++reread) {
    if (seq == n)
      lanes.settled(seq);  // the journal has it no more
    else
      lanes.reread(large(seq, std::to_string(seq)));
  }
  EXPECT_GT(reread, 50U);
  EXPECT_EQ(take(lanes, n * 2, 500).size(), static_cast<size_t>(n - 1));
  for (int64_t i = 1; i < n; ++i) lanes.settled(i);
  EXPECT_TRUE(lanes.wants_reread());  // what lay behind them
}

// Rows that come back (a replay, a sink named late) are older than what is here.
TEST(Lanes, OlderRowsGoFirst) {
  Lanes lanes;
  lanes.add({row(20, "a"), row(30, "a")});
  lanes.forget_position();
  lanes.add({row(10, "a"), row(20, "a"), row(25, "a"), row(30, "a")});
  for (int64_t seq : {10, 20, 25, 30}) {
    EXPECT_EQ(take(lanes, 9), Seqs{seq});
    lanes.settled(seq);
  }
  EXPECT_TRUE(lanes.empty());
}

TEST(Lanes, AnOlderRowWaitsForWhatIsUnderWay) {
  Lanes lanes;
  lanes.add({row(20, "a"), row(30, "a")});
  take(lanes, 1);
  lanes.add({row(10, "a"), row(20, "a")});
  EXPECT_EQ(lanes.rows(), 3U);
  lanes.returned(20);
  for (int64_t seq : {10, 20, 30}) {
    EXPECT_EQ(take(lanes, 9), Seqs{seq});
    lanes.settled(seq);
  }
}

TEST(Lanes, NewestFirstWhereAsked) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "b"), row(3, "b"), row(4, "c")});
  EXPECT_EQ(take(lanes, 2, 0, 0, Lanes::First::newest), (Seqs{4, 2}));
}

TEST(Lanes, WhatIsNotUnderWayIsNotTouched) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a")});
  lanes.postponed(2, 0);  // behind: not a head
  lanes.postponed(1, 9);  // not in flight
  lanes.settled(99);
  EXPECT_EQ(take(lanes, 9), Seqs{1});
}

}  // namespace
}  // namespace sluice::daemon
