// The daemon's counters as Prometheus text (exposition format 0.0.4). No job ids in labels.
#pragma once

#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/stats.h"

struct MHD_Daemon;

namespace sluice::daemon {

// Queue lengths and ages come from the journal: exact, and cheap at a scrape's rate. Null: a node.
std::string metrics_text(const Stats& stats, journal::Journal* journal);

// What /metrics is asked of: a loopback "host:port" or "unix:/path". Its own thread.
class MetricsServer {
 public:
  static Result<std::unique_ptr<MetricsServer>> start(const std::string& address,
                                                      std::function<std::string()> text);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  MetricsServer() = default;
  std::function<std::string()> text_;
  MHD_Daemon* daemon_ = nullptr;
  std::string unix_path_;
};

}  // namespace sluice::daemon
