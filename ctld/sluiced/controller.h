// sluiced's controller role put together: importer, courier, sweeps, socket, metrics.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/config/config.h"
#include "ctld/sluiced/commands.h"
#include "ctld/sluiced/courier.h"
#include "ctld/sluiced/daemon.h"
#include "ctld/sluiced/emit.h"
#include "ctld/sluiced/importer.h"
#include "ctld/sluiced/metrics.h"
#include "ctld/sluiced/receive.h"
#include "ctld/sluiced/sweeper.h"

namespace sluice::daemon {

class Controller : public Daemon {
 public:
  // Does not wait for slurmctld: events can be taken while it is down.
  static Result<std::unique_ptr<Controller>> start(
      const std::shared_ptr<const config::Config>& config);
  ~Controller() override;

  std::string reload() override;
  void tick() override;  // retention, about once a minute

 private:
  Controller() = default;
  Json about() const;
  std::shared_ptr<const config::Config> config_now() const;  // any thread
  void retain();
  void note_absence();
  void tell_absence();
  int64_t time_in_journal(const char* key) const;  // wall clock, us; 0 where it is not there

  std::shared_ptr<const config::Config> config_;
  std::string cluster_;
  Stats stats_;
  std::unique_ptr<journal::Journal> journal_;  // of the main thread
  std::unique_ptr<journal::Journal> server_journal_;
  std::unique_ptr<journal::Journal> metrics_journal_;
  std::mutex metrics_mutex_;
  std::mutex reload_mutex_;
  mutable std::mutex config_mutex_;
  std::vector<std::unique_ptr<Courier>> couriers_;
  std::unique_ptr<Importer> importer_;
  std::unique_ptr<Sweeper> sweeper_;
  std::unique_ptr<Emit> emit_;
  std::unique_ptr<Commands> commands_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Receive> receive_;
  std::unique_ptr<MetricsServer> metrics_;
  int64_t clock_offset_us_ = 0;
  int64_t retain_after_ms_ = 0;
  int64_t retained_ms_ = 0;
  std::atomic<int64_t> absence_s_{0};  // of an absence that is still to be told
  std::atomic<bool> absence_sent_{false};
};

}  // namespace sluice::daemon
