// What a sink still has to take, as far as it is in memory: a window over the journal's queue,
// sorted into lanes. A lane is the events of one job, sent strictly one after the other; lanes do
// not wait for each other. Of a long lane a few events are kept, the rest is read again when they
// are through; of lanes that wait for another try little is kept once they are many, so that they
// never fill the window. Pure bookkeeping, no clock and no I/O, for the courier's thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/journal/journal.h"

namespace sluice::daemon {

class Lanes {
 public:
  // Takes rows as the journal gave them. Rows that are here already are skipped. All times here,
  // `next_us` of the rows too, are of the clock that take() is given; 0: at once.
  void add(std::vector<journal::Queued> rows);

  // Moves up to `count` sendable events to in-flight, at most one of a lane, oldest or newest
  // first; stops before the sum of sizes passes `max_bytes` (0: no bound; one event always goes).
  enum class First { oldest, newest };
  template <class SizeOf>
  std::vector<journal::Queued*> take(size_t count, size_t max_bytes, int64_t now_us, First first,
                                     SizeOf size_of);

  // The event left the queue (delivered or dead): the next of its lane may go.
  void settled(int64_t seq);
  // It stays and may go again at `next_us`.
  void postponed(int64_t seq, int64_t next_us);
  // It stays as it was: it was not sent.
  void returned(int64_t seq) { postponed(seq, 0); }

  // One whose time has come and of which only the number was kept, 0 if there is none: to be read
  // and given to reread(), or to settled() if the journal has it no more.
  int64_t wanted(int64_t now_us);
  void reread(journal::Queued row);

  // The next rows to add begin at the queue's start again.
  void forget_position() {
    reread_until_ = std::max(reread_until_, last_seq_);
    last_seq_ = 0;
    truncated_ = false;
  }
  // True while rows are being added that were read before.
  bool rereading() const { return last_seq_ < reread_until_; }
  // A lane that was not kept whole has drained: its rest has to be read.
  bool wants_reread() const { return truncated_; }
  // The first of its lane; its row as the journal gave it.
  const journal::Queued& head(int64_t seq) const { return heads_.at(seq)->rows.front(); }
  bool empty() const { return lanes_.empty(); }
  // Of the window: rows and bytes of the lanes that do not wait, and how many wait.
  size_t rows() const { return rows_; }
  size_t bytes() const { return bytes_; }
  size_t waiting() const { return waiting_.size() + wanted_.size(); }
  int64_t last_seq() const { return last_seq_; }
  // When the next that waits may go; INT64_MAX if none does.
  int64_t next_us() const;

 private:
  struct Lane {
    std::vector<journal::Queued> rows;  // by seq; the first is the lane's head
    enum class State { sendable, in_flight, waiting } state = State::sendable;
    bool cut = false;   // there are more, which were not kept
    bool slim = false;  // of the head only the number was kept
    size_t bytes = 0;
  };
  void insert(Lane& lane, journal::Queued row);
  void place(Lane& lane);    // its head is new: it may be sent, or waits
  void unplace(Lane& lane);  // the opposite
  void slim(Lane& lane);
  void ripen(int64_t now_us);
  void count(const Lane& lane, int sign);

  std::unordered_map<std::string, Lane> lanes_;
  std::unordered_map<int64_t, Lane*> heads_;  // by seq
  std::set<int64_t> sendable_;
  std::multimap<int64_t, int64_t> waiting_;  // next_us to seq
  std::set<int64_t> wanted_;                 // slim ones whose time has come
  size_t rows_ = 0, bytes_ = 0;
  size_t waiting_bytes_ = 0;
  int64_t last_seq_ = 0;
  int64_t reread_until_ = 0;
  bool truncated_ = false;
};

template <class SizeOf>
std::vector<journal::Queued*> Lanes::take(size_t count, size_t max_bytes, int64_t now_us,
                                          First first, SizeOf size_of) {
  ripen(now_us);
  std::vector<journal::Queued*> out;
  size_t bytes = 0;
  while (out.size() < count && !sendable_.empty()) {
    auto next = first == First::oldest ? sendable_.begin() : std::prev(sendable_.end());
    Lane& lane = *heads_.at(*next);
    journal::Queued& head = lane.rows.front();
    size_t size = size_of(head.event);
    if (max_bytes > 0 && !out.empty() && bytes + size > max_bytes) break;
    bytes += size;
    lane.state = Lane::State::in_flight;
    sendable_.erase(next);
    out.push_back(&head);
  }
  return out;
}

}  // namespace sluice::daemon
