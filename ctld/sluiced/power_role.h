// sluiced's power role: what cron and change_state did, in one process that stays. It sets right
// what is stuck, gives machines their names, follows nodes that boot, reads EC2's warnings, hands
// events to the controller role's socket, and serves metrics. It runs as SlurmUser, who alone may
// change nodes and owns the record; resume and suspend go on without it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/fd.h"
#include "common/power/config.h"
#include "common/power/interruptions.h"
#include "common/power/record.h"
#include "ctld/sluiced/daemon.h"
#include "ctld/sluiced/metrics.h"

namespace sluice::daemon {

class PowerRole : public Daemon {
 public:
  // `path` as power::load() takes it. `usable` says of an error whether it was not the
  // configuration's.
  static Result<std::unique_ptr<PowerRole>> start(const std::string& path, bool* usable);
  ~PowerRole() override;

  std::string reload() override;
  void tick() override {}

 private:
  explicit PowerRole(std::string path) : path_(std::move(path)) {}
  void loop();
  // Over everything, or over what boots and what EC2 warns of.
  void pass(const power::Config& config, bool whole);
  std::string metrics_text();

  const std::string path_;
  Fd lock_;  // there is one of these a record
  std::mutex mutex_;
  std::condition_variable wake_;
  std::unique_ptr<const power::Config> fresh_;  // of a reload, for the loop
  bool stop_ = false;
  std::string state_;  // the record's folder, for metrics
  std::string metrics_address_;
  std::atomic<int64_t> passes_{0}, failed_passes_{0}, last_pass_us_{0};
  std::unique_ptr<power::Owner> owner_;
  std::unique_ptr<power::InterruptionQueue> queue_;  // the loop's
  int64_t queue_ms_ = 0;
  std::unique_ptr<MetricsServer> metrics_;
  std::thread thread_;
};

}  // namespace sluice::daemon
