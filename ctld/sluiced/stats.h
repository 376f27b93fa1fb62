// Counters that the metrics show. Written by the thread that does the work, read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace sluice::daemon {

struct SinkStats {
  int64_t delivered = 0;
  int64_t retried = 0;
  int64_t dead = 0;  // dead letters made since the start
  bool up = true;
  bool disabled = false;  // the sink answered 410
  std::string problem;    // why it is not up
};

struct Stats {
  std::atomic<int64_t> imported{0};         // raw records
  std::atomic<int64_t> events{0};           // journaled
  std::atomic<int64_t> repeats{0};          // seen again, already there
  std::atomic<int64_t> gaps{0};             // episodes in which hooks dropped records
  std::atomic<int64_t> dropped{0};          // records they say they dropped
  std::atomic<int64_t> set_aside{0};        // files in the inbox that were no records
  std::atomic<int64_t> refused{0};          // selections and emits refused
  std::atomic<int64_t> lost_events{0};      // undelivered, gone with the journal's bound
  std::atomic<int64_t> dropped_letters{0};  // dead letters gone with it
  std::atomic<int64_t> expired_letters{0};  // dead letters older than retain_hours, gone
  std::atomic<int64_t> reconciled{0};       // events that only a sweep knew of
  std::atomic<int64_t> sweeps{0};
  std::atomic<int64_t> sweep_failures{0};
  std::atomic<int64_t> waiting{0};    // raw records waiting for Slurm's answer
  std::atomic<int64_t> forwarded{0};  // node role: records the controller took
  std::atomic<int64_t> last_sweep_us{0};
  std::atomic<int64_t> import_cpu_us{0};
  std::atomic<int64_t> asker_cpu_us{0};
  std::atomic<int64_t> courier_cpu_us{0};
  std::atomic<int64_t> http_cpu_us{0};
  std::atomic<int64_t> files_cpu_us{0};
  std::atomic<bool> in_charge{true};  // no other host's sluiced is, as far as is known
  std::atomic<bool> slurm_up{true};
  std::atomic<bool> journal_up{true};

  void set_sink(const std::string& name, const SinkStats& s) {
    std::lock_guard lock(mutex_);
    sinks_[name] = s;
  }
  void keep_sinks(const std::set<std::string>& names) {
    std::lock_guard lock(mutex_);
    std::erase_if(sinks_, [&names](const auto& s) { return !names.contains(s.first); });
  }
  std::map<std::string, SinkStats> sinks() const {
    std::lock_guard lock(mutex_);
    return sinks_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, SinkStats> sinks_;
};

}  // namespace sluice::daemon
