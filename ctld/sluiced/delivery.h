// Delivery to one sink: what waits, what is under way, and what becomes of it. Lives on the
// courier's thread. Outcomes are gathered here and written by the courier, many in one transaction.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/journal/journal.h"
#include "common/sinks/sink.h"
#include "ctld/sluiced/lanes.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Delivery {
 public:
  Delivery(const config::SinkConfig& config, std::unique_ptr<Sink> sink);
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Of the same sink before a reload: who asked to be left alone still is.
  void goes_on_from(const Delivery& before);
  // `told` gets what the sink itself says, on this thread.
  void check(std::function<void(const std::string& problem)> told =
                 {});                      // is the sink usable at all? asked at start and reload
  void refill(journal::Journal& journal);  // may throw DbError
  void pump();                             // starts what may be started now, and as answers come
  void hold() { flowing_ = false; }        // from here on nothing starts until pump() is called
  void more_rows() { exhausted_ = false; }
  void rescan();  // older rows came back

  // Before refill(): what was delivered must be written first, or it would be read once more.
  bool must_write() const {
    return has_outcomes() && (lanes_.rereading() || lanes_.wants_reread());
  }
  bool has_outcomes() const { return !outcomes_.empty(); }
  size_t outcomes() const { return outcomes_.size(); }
  int64_t outcomes_since_ms() const { return outcomes_since_ms_; }
  void write(journal::Journal& journal);  // inside the caller's transaction
  void written();                         // it was committed: lanes move on

  bool idle() const { return calls_ == 0; }
  int64_t next_try_ms() const;  // when pump() has something to do again; INT64_MAX: not by itself
  SinkStats stats() const;
  const std::string& name() const { return config_.name; }

 private:
  struct Ended {
    int64_t seq;
    enum class How { settled, postponed, buried } how;
    int64_t attempts;
    int64_t next_us;
    std::string reason;
  };
  struct Trouble {  // of one event
    int64_t last_ms = 0;
    int alone = 0;  // failures while the sink took others
  };

  void send_more();
  void done(const std::vector<StoredEvent>& batch, int64_t began_ms,
            const std::vector<Outcome>& outcomes);
  void succeeded(int64_t began_ms);
  void one_done(const StoredEvent& event, const Outcome& outcome);
  void down(const Outcome& outcome);
  bool one_suspect() const;
  void retry(const StoredEvent& event, const Outcome& outcome);
  void end(Ended ended);
  bool too_old(const StoredEvent& event) const;

  // Answers may come when a reload has replaced this object: they find it gone.
  std::shared_ptr<Delivery*> self_ = std::make_shared<Delivery*>(this);
  config::SinkConfig config_;
  std::unique_ptr<Sink> sink_;
  SinkLimits limits_;
  Lanes lanes_;
  bool exhausted_ = false;
  bool flowing_ = false;
  bool pumping_ = false;
  size_t calls_ = 0;
  std::vector<Ended> outcomes_;
  int64_t outcomes_since_ms_ = 0;
  std::unordered_map<int64_t, Trouble> trouble_;
  std::unordered_map<int64_t, int64_t> attempts_;

  bool up_ = true;
  bool gone_ = false;
  int failures_ = 0;  // of the sink as a whole, in a row
  int64_t down_until_ms_ = 0;
  bool asked_to_wait_ = false;  // the receiver named that time,
  int64_t asked_ms_ = 0;        // at this one
  std::set<int64_t> suspects_;  // events that failed since the last success
  int64_t last_success_ms_ = 0;
  int64_t made_ms_ = clock::mono_ms();
  std::string problem_;   // of the last call that failed
  std::string unproven_;  // what the check said, as long as nothing was delivered
  SinkStats totals_;
};

}  // namespace sluice::daemon
