// What a sink still has to take, as far as it is in memory: a window over the journal's queue,
// sorted into lanes. A lane is the events of one job, sent strictly one after the other; lanes do
// not wait for each other, and a long one does not fill the window: of it a few are kept, the rest
// is read again when they are through. Pure bookkeeping, no clock and no I/O, for the courier's
// thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/journal/journal.h"

namespace sluice::daemon {

class Lanes {
 public:
  // The next in its lane, waiting or under way.
  struct Head {
    journal::Queued item;
    bool in_flight = false;
  };

  // Takes rows as the journal gave them, in order. Rows that are here already are skipped.
  void add(std::vector<journal::Queued> rows);

  // Moves up to `count` sendable events to in-flight, at most one of a lane, oldest first; stops
  // before the sum of sizes passes `max_bytes` (0: no bound; one event always goes).
  template <class SizeOf>
  std::vector<journal::Queued*> take(size_t count, size_t max_bytes, int64_t now_us,
                                     SizeOf size_of);

  // The event left the queue (delivered or dead): the next of its lane may go.
  void settled(int64_t seq);
  // It stays and may go again at `next_us` (wall clock).
  void postponed(int64_t seq, int64_t next_us);
  // It stays as it was: the sink as a whole failed.
  void returned(int64_t seq) { postponed(seq, 0); }

  // The next rows to add begin at the queue's start again.
  void forget_position() {
    reread_until_ = std::max(reread_until_, last_seq_);
    last_seq_ = 0;
    truncated_ = false;
  }
  // True while rows are being added that were read before.
  bool rereading() const { return last_seq_ < reread_until_; }
  // A lane that was too long to be kept whole has drained: its rest has to be read.
  bool wants_reread() const { return truncated_; }
  // A head, under way or not; its row as the journal gave it.
  const journal::Queued& head(int64_t seq) const { return heads_.at(seq).item; }
  size_t size() const { return rows_; }
  size_t bytes() const { return bytes_; }
  int64_t last_seq() const { return last_seq_; }
  size_t in_flight() const { return in_flight_; }
  bool contains(int64_t seq) const { return heads_.contains(seq) || behind_.contains(seq); }
  // When the next postponed event may go; INT64_MAX if none waits.
  int64_t next_us() const;

 private:
  struct Lane {
    std::deque<journal::Queued> behind;
    bool cut = false;  // there are more, which were not kept
  };
  void promote(const std::string& lane);

  std::map<int64_t, Head> heads_;            // by seq: the head of each lane
  std::set<int64_t> sendable_;               // heads that are neither in flight nor waiting
  std::multimap<int64_t, int64_t> waiting_;  // next_us to seq
  std::set<int64_t> behind_;
  std::unordered_map<std::string, Lane> lanes_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  size_t in_flight_ = 0;
  int64_t last_seq_ = 0;
  int64_t reread_until_ = 0;
  bool truncated_ = false;
};

template <class SizeOf>
std::vector<journal::Queued*> Lanes::take(size_t count, size_t max_bytes, int64_t now_us,
                                          SizeOf size_of) {
  while (!waiting_.empty() && waiting_.begin()->first <= now_us) {
    sendable_.insert(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
  std::vector<journal::Queued*> out;
  size_t bytes = 0;
  while (out.size() < count && !sendable_.empty()) {
    Head& head = heads_.at(*sendable_.begin());
    size_t size = size_of(head.item.event);
    if (max_bytes > 0 && !out.empty() && bytes + size > max_bytes) break;
    bytes += size;
    head.in_flight = true;
    ++in_flight_;
    sendable_.erase(sendable_.begin());
    out.push_back(&head.item);
  }
  return out;
}

}  // namespace sluice::daemon
