// The courier: takes events from the journal's queue to their sinks. One thread, with every sink of
// its kind and every connection on it; the only place of sluiced that talks to the outside.
//
//  - At least once: an event leaves the queue only after its sink took it. Acknowledgements are
//    committed a few milliseconds later; a kill in between makes a repeat with the same id.
//  - In order per job: at most one event of a job is under way to a sink.
//  - Nothing blocks behind one bad event: it is retried with a backoff of its own while the others
//    go on, and becomes a dead letter in the end.
//  - A sink that is down as a whole is tried with one call at a time until one goes through.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/config/config.h"
#include "common/http/client.h"
#include "common/journal/journal.h"
#include "common/sinks/sink.h"
#include "ctld/sluiced/delivery.h"
#include "ctld/sluiced/probe.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Courier {
 public:
  // Files are written with blocking calls, so a disk that hangs must not hold up the network:
  // there is a courier for each kind.
  enum class Kind { network, files };

  Courier(Kind kind, std::shared_ptr<const config::Config> config, journal::Journal journal,
          std::string cluster, Stats& stats);
  ~Courier();  // gives calls under way two seconds to be answered
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  // Any thread.
  void journaled();  // there are new rows in the queue
  void requeued();   // rows came back that are older than what was read (replay, dead retry)
  void reload(std::shared_ptr<const config::Config> config);
  void probe(std::shared_ptr<Probe> probe);  // looks at each sink, and lets go of it

 private:
  void loop();
  void take_config();
  void take_probes();
  void come_to_rest();
  void open_sinks();
  bool write_outcomes();
  void show();

  Kind kind_;
  std::shared_ptr<const config::Config> config_;
  journal::Journal journal_;
  std::string cluster_;
  Stats& stats_;
  http::Client http_;
  std::map<std::string, std::unique_ptr<Delivery>> sinks_;
  int64_t write_retry_ms_ = 0;
  int64_t shown_ms_ = 0;

  std::atomic<bool> journaled_{true};
  std::atomic<bool> requeued_{false};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::shared_ptr<const config::Config> new_config_;
  std::vector<std::shared_ptr<Probe>> probes_;
  std::thread thread_;
};

}  // namespace sluice::daemon
