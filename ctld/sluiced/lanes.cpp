#include "ctld/sluiced/lanes.h"

#include <algorithm>

namespace sluice::daemon {
namespace {

constexpr size_t kMaxBehind = 16;              // rows kept behind a lane's head
constexpr size_t kMaxWaitingBytes = 4U << 20;  // of lanes that wait, before they are made slim

int64_t seq_of(const journal::Queued& row) {
  return row.event.seq;
}

}  // namespace

// A lane that waits does not count against the window.
void Lanes::count(const Lane& lane, int sign) {
  auto add = [sign](size_t* to, size_t n) { *to = sign > 0 ? *to + n : *to - n; };
  if (lane.state == Lane::State::waiting) {
    add(&waiting_bytes_, lane.bytes);
    return;
  }
  add(&rows_, lane.rows.size());
  add(&bytes_, lane.bytes);
}

void Lanes::add(std::vector<journal::Queued> rows) {
  for (auto& row : rows) {
    last_seq_ = std::max(last_seq_, row.event.seq);
    auto [at, fresh] = lanes_.try_emplace(row.event.lane);
    Lane& lane = at->second;
    if (!fresh) count(lane, -1);
    insert(lane, std::move(row));
    count(lane, 1);
    if (lane.state == Lane::State::waiting && waiting_bytes_ > kMaxWaitingBytes) slim(lane);
  }
}

// By seq, since rows that come back (replay, dead letters, a sink named late) are older than those
// that are here; only what is under way keeps its place.
void Lanes::insert(Lane& lane, journal::Queued row) {
  auto& rows = lane.rows;
  int64_t seq = row.event.seq;
  bool busy = !rows.empty() && lane.state == Lane::State::in_flight;
  if (busy && rows.front().event.seq == seq) return;
  auto at = std::ranges::lower_bound(rows.begin() + (busy ? 1 : 0), rows.end(), seq, {}, seq_of);
  if (at != rows.end() && at->event.seq == seq) return;
  if (lane.slim && at != rows.begin()) {
    lane.cut = true;
    return;
  }
  if (lane.cut && at == rows.end()) return;
  lane.bytes += row.event.body.size();
  if (at != rows.begin()) {
    rows.insert(at, std::move(row));
  } else {
    if (!rows.empty()) unplace(lane);
    rows.insert(rows.begin(), std::move(row));
    place(lane);
  }
  if (rows.size() > kMaxBehind + 1) {
    lane.bytes -= rows.back().event.body.size();
    rows.pop_back();
    lane.cut = true;
  }
}

void Lanes::place(Lane& lane) {
  const journal::Queued& head = lane.rows.front();
  heads_[head.event.seq] = &lane;
  if (head.next_us > 0) {
    lane.state = Lane::State::waiting;
    waiting_.emplace(head.next_us, head.event.seq);
  } else {
    lane.state = Lane::State::sendable;
    sendable_.insert(head.event.seq);
  }
}

void Lanes::unplace(Lane& lane) {
  int64_t seq = lane.rows.front().event.seq;
  heads_.erase(seq);
  sendable_.erase(seq);
  wanted_.erase(seq);
  auto [from, to] = waiting_.equal_range(lane.rows.front().next_us);
  for (auto w = from; w != to; ++w)
    if (w->second == seq) {
      waiting_.erase(w);
      break;
    }
  if (lane.slim) {  // its row is read again with the others behind it
    lane.rows.erase(lane.rows.begin());
    lane.slim = false;
    lane.cut = true;
  }
}

// Of a lane that waits: everything but its name, number and time.
void Lanes::slim(Lane& lane) {
  if (lane.slim) return;
  waiting_bytes_ -= lane.bytes;
  lane.bytes = 0;
  lane.cut = lane.cut || lane.rows.size() > 1;
  lane.rows.resize(1);
  journal::Queued& head = lane.rows.front();
  head.event.body = {};
  lane.slim = true;
}

void Lanes::settled(int64_t seq) {
  auto head = heads_.find(seq);
  if (head == heads_.end()) return;
  auto at = lanes_.find(head->second->rows.front().event.lane);
  Lane& lane = at->second;
  count(lane, -1);
  unplace(lane);
  if (!lane.rows.empty() && lane.rows.front().event.seq == seq) {
    lane.bytes -= lane.rows.front().event.body.size();
    lane.rows.erase(lane.rows.begin());
  }
  if (lane.rows.empty()) {
    truncated_ = truncated_ || lane.cut;
    lanes_.erase(at);
    return;
  }
  place(lane);
  count(lane, 1);
}

void Lanes::postponed(int64_t seq, int64_t next_us) {
  auto head = heads_.find(seq);
  if (head == heads_.end() || head->second->state != Lane::State::in_flight) return;
  Lane& lane = *head->second;
  count(lane, -1);
  lane.rows.front().next_us = next_us;
  // What came back meanwhile may be older.
  std::ranges::sort(lane.rows, {}, seq_of);
  heads_.erase(seq);
  place(lane);
  count(lane, 1);
  if (lane.state == Lane::State::waiting && waiting_bytes_ > kMaxWaitingBytes) slim(lane);
}

void Lanes::ripen(int64_t now_us) {
  while (!waiting_.empty() && waiting_.begin()->first <= now_us) {
    int64_t seq = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    Lane& lane = *heads_.at(seq);
    if (lane.slim) {
      wanted_.insert(seq);
      continue;
    }
    count(lane, -1);
    lane.state = Lane::State::sendable;
    count(lane, 1);
    sendable_.insert(seq);
  }
}

int64_t Lanes::wanted(int64_t now_us) {
  ripen(now_us);
  return wanted_.empty() ? 0 : *wanted_.begin();
}

void Lanes::reread(journal::Queued row) {
  int64_t seq = row.event.seq;
  if (wanted_.erase(seq) == 0) return;
  Lane& lane = *heads_.at(seq);
  count(lane, -1);
  lane.slim = false;
  lane.bytes = row.event.body.size();
  lane.rows.front() = std::move(row);
  lane.state = Lane::State::sendable;
  count(lane, 1);
  sendable_.insert(seq);
}

int64_t Lanes::next_us() const {
  if (!wanted_.empty()) return 0;
  return waiting_.empty() ? INT64_MAX : waiting_.begin()->first;
}

}  // namespace sluice::daemon
