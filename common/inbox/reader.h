// The reading side of the inbox: whole records in the order they were written, what does not
// belong set aside, the gap marker watched. For one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/inbox/record.h"

namespace sluice::inbox {

struct GapMark {
  uint64_t dropped = 0;  // by the process that wrote it last; a lower bound
  int64_t wall_us = 0;
};

class Reader {
 public:
  explicit Reader(std::string dir) : dir_(std::move(dir)) {}

  // Makes the watch and, if it can be made, the gap marker (else scan() tries again). May be called
  // again after the folder vanished.
  Result<void> open();

  // Readable when something arrived; -1 until open(). drain() before the next scan().
  int fd() const { return watch_.get(); }
  // Empties the watch; false if the folder itself is gone, so that open() is needed again.
  bool drain();

  // Up to `max` records not returned before, oldest first. Files that are no records are moved to
  // DIR/bad (and counted) or, where that fails, ignored from then on. Records that were written
  // and whose writer died before the rename are returned too, once they are a minute old.
  std::vector<RawRecord> scan(size_t max);

  // The record's effect is durable: the file goes. False if it could not: scan() tries again and
  // does not return it any more.
  bool remove(const std::string& id);
  // Those that scan() removed since the last call, after remove() could not.
  std::vector<std::string> take_removed() { return std::exchange(removed_, {}); }
  // There were more than the last scan() could return.
  bool more() const { return more_; }

  // What was returned and not removed is returned again by the next scan().
  void forget() { taken_.clear(); }

  // Set if a hook has dropped records since the last call that returned true.
  bool gap(GapMark* out);
  // What the marker said then: for the next process, which would take it for news.
  const std::string& last_gap() const { return last_gap_; }
  void set_last_gap(std::string text) { last_gap_ = std::move(text); }

  uint64_t set_aside() const { return set_aside_; }
  size_t outstanding() const { return taken_.size(); }

 private:
  Result<void> make_gap_marker();
  void see_to_gap_marker();
  void remove_stuck();
  void set_aside(const std::string& name, const std::string& why);
  size_t kept_bad();
  void adopt_orphans(const std::vector<std::string>& hidden);

  std::string dir_;
  Fd watch_;
  int dir_watch_ = -1;
  std::set<std::string> taken_;    // returned by scan, not yet removed
  std::set<std::string> ignored_;  // could not be moved away
  std::set<std::string> stuck_;    // done with, and could not be removed
  std::vector<std::string> removed_;
  std::set<std::string> unread_;  // could not be read a moment ago
  int64_t unread_ms_ = 0;
  bool more_ = false;
  bool marked_ = false;  // the gap marker is there
  uint64_t set_aside_ = 0;
  size_t kept_bad_ = 0;  // files in DIR/bad
  bool bad_counted_ = false;
  std::string last_gap_;
};

}  // namespace sluice::inbox
