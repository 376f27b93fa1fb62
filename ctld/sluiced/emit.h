// sluice emit: events of users, from inside their jobs. The kernel says who calls; which job they
// are in is read from the caller's cgroup or, without one, asked of slurmd. Never from the caller.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/config/config.h"
#include "ctld/sluiced/intake.h"
#include "ctld/sluiced/server.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

// The job id in a /proc/PID/cgroup text, 0 if there is none.
uint32_t job_in_cgroup(std::string_view cgroup);

// Tokens a user has left; refilled over time. For one thread.
class Quota {
 public:
  Quota(int64_t burst, int64_t per_minute) : burst_(burst), per_minute_(per_minute) {}
  bool take(uid_t uid);

 private:
  struct Bucket {
    double tokens;
    int64_t at_ms;
  };
  int64_t burst_, per_minute_;
  std::map<uid_t, Bucket> buckets_;
};

class Emit {
 public:
  Emit(std::shared_ptr<const config::Config> config, Intake& intake, Stats& stats);
  ~Emit();
  Emit(const Emit&) = delete;
  Emit& operator=(const Emit&) = delete;

  // On the server's thread. Answers when the event is in the controller's journal, or says why not.
  void request(const Json& request, const Caller& caller, Reply reply);

 private:
  struct Task {
    inbox::RawRecord record;
    Caller caller;
    Reply reply;
  };
  void loop();
  void finish(Task task);

  std::shared_ptr<const config::Config> config_;
  Intake& intake_;
  Stats& stats_;
  Quota quota_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // asking slurmd may block, so it has a thread
  bool stop_ = false;
  uint32_t counter_ = 0;
  std::thread thread_;
};

}  // namespace sluice::daemon
