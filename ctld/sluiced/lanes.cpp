#include "ctld/sluiced/lanes.h"

#include <algorithm>

#include "common/base/clock.h"

namespace sluice::daemon {
namespace {

constexpr size_t kMaxBehind = 16;                    // rows kept behind a lane's head
constexpr int64_t kMaxWaitUs = 3'600 * 1'000'000LL;  // as long as a receiver may ask for

}  // namespace

void Lanes::add(std::vector<journal::Queued> rows) {
  for (auto& row : rows) {
    int64_t seq = row.event.seq;
    last_seq_ = std::max(last_seq_, seq);
    if (contains(seq)) continue;
    auto [lane, fresh] = lanes_.try_emplace(row.event.lane);
    if (!fresh && (lane->second.cut || lane->second.behind.size() >= kMaxBehind)) {
      lane->second.cut = true;
      continue;
    }
    // A clock that was set back must not make it wait for longer than any backoff is.
    row.next_us = std::min(row.next_us, clock::wall_us() + kMaxWaitUs);
    ++rows_;
    bytes_ += row.event.body.size();
    if (!fresh) {
      behind_.insert(seq);
      lane->second.behind.push_back(std::move(row));
      continue;
    }
    if (row.next_us > 0)
      waiting_.emplace(row.next_us, seq);
    else
      sendable_.insert(seq);
    heads_.emplace(seq, Head{std::move(row), false});
  }
}

void Lanes::settled(int64_t seq) {
  auto it = heads_.find(seq);
  if (it == heads_.end()) return;
  if (it->second.in_flight) --in_flight_;
  --rows_;
  bytes_ -= it->second.item.event.body.size();
  std::string lane = std::move(it->second.item.event.lane);
  heads_.erase(it);
  promote(lane);
}

void Lanes::promote(const std::string& name) {
  auto it = lanes_.find(name);
  if (it->second.behind.empty()) {
    truncated_ = truncated_ || it->second.cut;
    lanes_.erase(it);
    return;
  }
  journal::Queued next = std::move(it->second.behind.front());
  it->second.behind.pop_front();
  int64_t seq = next.event.seq;
  behind_.erase(seq);
  if (next.next_us > 0)
    waiting_.emplace(next.next_us, seq);
  else
    sendable_.insert(seq);
  heads_.emplace(seq, Head{std::move(next), false});
}

void Lanes::postponed(int64_t seq, int64_t next_us) {
  auto it = heads_.find(seq);
  if (it == heads_.end() || !it->second.in_flight) return;
  it->second.in_flight = false;
  --in_flight_;
  if (next_us > 0)
    waiting_.emplace(next_us, seq);
  else
    sendable_.insert(seq);
}

int64_t Lanes::next_us() const {
  return waiting_.empty() ? INT64_MAX : waiting_.begin()->first;
}

}  // namespace sluice::daemon
