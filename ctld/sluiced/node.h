// sluiced's node role: carries what the SPANK plugin and sluice emit leave on this node to the
// controller's sluiced, keeps it until it is in the journal there, and flushes when stopped. It
// holds no sink secrets and delivers to no sink.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/event_fd.h"
#include "common/config/config.h"
#include "common/inbox/reader.h"
#include "ctld/sluiced/commands.h"
#include "ctld/sluiced/daemon.h"
#include "ctld/sluiced/emit.h"
#include "ctld/sluiced/forward.h"
#include "ctld/sluiced/intake.h"
#include "ctld/sluiced/server.h"

namespace sluice::daemon {

class Forwarder : public Intake {
 public:
  Forwarder(const config::Config& config, std::string node, Stats& stats);
  ~Forwarder() override;
  void flush_and_stop();  // one last flush, at most a few seconds
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Into the node's inbox first: what was taken from a user survives this daemon.
  void submit(std::vector<inbox::RawRecord> records, Committed committed) override;
  bool stores() const override { return true; }

 private:
  struct Waiting {
    Committed committed;
    int64_t since_ms = 0;
  };
  void loop();
  bool flush();  // false: the controller did not take it
  bool has_room(size_t bytes);
  void keeps(const std::string& id, size_t bytes);
  void forwarded(const std::string& id);
  void tell(const std::string& id, const Commit& commit);
  void give_up_waiting();

  std::string dir_;
  std::string node_;
  Stats& stats_;
  inbox::Reader reader_;
  Forward forward_;
  bool open_ = false;
  std::mutex mutex_;
  std::map<std::string, Waiting> waiting_;  // emits whose callers wait
  std::map<std::string, size_t> emitted_;   // emits in the inbox, with their bytes
  size_t emitted_bytes_ = 0;
  std::atomic<bool> stop_{false};
  EventFd event_;
  std::thread thread_;
};

class Node : public Daemon {
 public:
  static Result<std::unique_ptr<Node>> start(const std::shared_ptr<const config::Config>& config);
  ~Node() override;
  std::string reload() override;
  void tick() override {}

 private:
  Node() = default;
  Json about() const;

  std::shared_ptr<const config::Config> config_;
  std::string name_;
  Stats stats_;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<Emit> emit_;
  std::unique_ptr<Commands> commands_;
  std::unique_ptr<Server> server_;
};

}  // namespace sluice::daemon
