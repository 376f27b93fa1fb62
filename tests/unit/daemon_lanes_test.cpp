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

std::vector<int64_t> take(Lanes& lanes, size_t count, int64_t now_us = 0, size_t max_bytes = 0) {
  std::vector<int64_t> out;
  for (auto* item :
       lanes.take(count, max_bytes, now_us, [](const StoredEvent& e) { return e.body.size(); }))
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
  EXPECT_EQ(lanes.in_flight(), 0U);
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
  EXPECT_EQ(lanes.size(), 3U);
  EXPECT_EQ(lanes.last_seq(), 3);
  lanes.settled(1);
  EXPECT_EQ(take(lanes, 9), Seqs{2});
}

TEST(Lanes, CountsRowsAndBytes) {
  Lanes lanes;
  lanes.add({row(1, "a"), row(2, "a"), row(3, "b")});
  EXPECT_EQ(lanes.bytes(), 24U);
  take(lanes, 9);
  EXPECT_EQ(lanes.in_flight(), 2U);
  for (int64_t seq : {1, 3}) lanes.settled(seq);
  take(lanes, 9);
  lanes.settled(2);
  EXPECT_EQ(lanes.size(), 0U);
  EXPECT_EQ(lanes.bytes(), 0U);
  EXPECT_EQ(lanes.in_flight(), 0U);
  lanes.add({row(4, "a")});  // its lane begins anew
  EXPECT_EQ(take(lanes, 9), Seqs{4});
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
