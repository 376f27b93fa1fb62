// Asks slurmctld about jobs, on a thread of its own, because an answer may take as long as Slurm's
// MessageTimeout. What is asked while an answer is awaited makes the next batch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "ctld/sluiced/answer.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Asker {
 public:
  // `answered` is called on the asker's thread.
  Asker(std::function<void(Answers)> answered, Stats& stats);
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  // `number` comes back in the answer. A job asked for again before slurmctld was reached is asked
  // once, under the last number. Any thread.
  void ask(uint32_t job_id, uint64_t number);
  // How many jobs slurmctld knows, as a sweep saw it: decides when asking for all is cheaper.
  void set_known_jobs(int64_t n) { known_jobs_ = n; }

 private:
  void loop();
  Answers ask_each(const std::set<uint32_t>& ids);
  void slurm_answers();
  bool ask_all(const std::set<uint32_t>& ids, Answers* out);

  std::function<void(Answers)> answered_;
  Stats& stats_;
  std::atomic<int64_t> known_jobs_{-1};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<uint32_t, uint64_t> wanted_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sluice::daemon
