// Decides when to sweep, and does it on a thread of its own: at start, at least twice in MinJobAge
// (after which slurmctld forgets an ended job), after a gap, and when slurmctld answers again.
// Beside a backup slurmctld that stands by nothing is swept: the other host's sluiced does it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "ctld/sluiced/reconcile.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Sweeper {
 public:
  // `interval_s` 0: a third of MinJobAge. `charged_us`: when the process before this one was last
  // in charge, wall clock; 0 if there was none.
  Sweeper(std::string slurm_conf, int64_t interval_s, int64_t charged_us,
          std::function<void(Sweep)> swept, Stats& stats);
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  // Nothing is called any more once this returns. Any of the others may be called after it.
  void stop();

  void want();                               // soon; any thread
  void whole_next() { whole_next_ = true; }  // the next answer counts even if nothing changed

 private:
  void loop();
  bool sweep();
  static size_t place();  // of this host among the controllers
  bool in_charge();
  bool clock_stepped();
  void note_charge(bool charged);
  int64_t interval_ms();

  std::string slurm_conf_;
  int64_t interval_s_;
  std::function<void(Sweep)> swept_;
  Stats& stats_;
  int64_t stamp_ = 0;
  int64_t clock_offset_us_ = 0;
  // When this sluiced was last in charge and when it last took over from another, that had been for
  // so long that slurmctld forgot what it told; wall clock.
  int64_t charged_us_;
  int64_t took_over_us_ = 0;
  bool was_charged_ = false;
  bool stood_by_ = false;    // another was seen in charge
  bool swept_well_ = false;  // since it came to be in charge
  bool wanted_ = true;
  std::atomic<bool> whole_next_{false};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace sluice::daemon
