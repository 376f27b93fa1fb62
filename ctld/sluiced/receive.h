// The controller's side of forwarding: takes batches from nodes over TCP. A batch comes with a
// munge credential of root or SlurmUser over its digest; the answer, a credential as well, is sent
// only after the batch is in the journal. Beside a controller that is in charge batches are
// refused, so that nodes go there. One thread.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/error.h"
#include "common/base/event_fd.h"
#include "common/base/fd.h"
#include "common/config/config.h"
#include "ctld/sluiced/intake.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

class Receive {
 public:
  static Result<std::unique_ptr<Receive>> start(const config::Config& config, Intake& intake,
                                                Stats& stats);
  ~Receive();
  void stop();  // no batch is taken any more
  Receive(const Receive&) = delete;
  Receive& operator=(const Receive&) = delete;

 private:
  struct Peer;
  Receive(Intake& intake, Stats& stats) : intake_(intake), stats_(stats) {}
  void loop();
  void accept_all();
  bool serve(const std::shared_ptr<Peer>& peer);
  std::string introduce(Peer& peer, const std::string& credential);
  std::string take_batch(const std::shared_ptr<Peer>& peer, const std::string& bytes);
  void answer(Peer& peer, const Commit& commit);
  static bool flush_and_close(Peer& peer);
  static bool expired(const Peer& peer, int64_t now);

  Intake& intake_;
  Stats& stats_;
  std::string munge_socket_;
  uid_t slurm_uid_ = 0;
  Fd listener_;
  int64_t accept_again_ms_ = 0;
  // Shared with answers that outlive this object.
  std::shared_ptr<EventFd> event_ = std::make_shared<EventFd>();
  std::list<std::shared_ptr<Peer>> peers_;
  std::mutex mutex_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::daemon
