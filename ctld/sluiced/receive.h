// The controller's side of forwarding: takes batches from nodes over TCP. A batch comes with a
// munge credential of root or SlurmUser over its digest; the answer, a credential as well, is sent
// only after the batch is in the journal. One thread.
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

namespace sluice::daemon {

class Receive {
 public:
  static Result<std::unique_ptr<Receive>> start(const config::Config& config, Intake& intake);
  ~Receive();
  void stop();  // no batch is taken any more
  Receive(const Receive&) = delete;
  Receive& operator=(const Receive&) = delete;

 private:
  struct Peer;
  explicit Receive(Intake& intake) : intake_(intake) {}
  void loop();
  void accept_all();
  bool serve(const std::shared_ptr<Peer>& peer);
  std::string introduce(Peer& peer, const std::string& credential);
  std::string take_batch(const std::shared_ptr<Peer>& peer, const std::string& bytes);
  void answer(Peer& peer, const Commit& commit);
  static bool flush_and_close(Peer& peer);
  static bool expired(const Peer& peer, int64_t now);

  Intake& intake_;
  std::string munge_socket_;
  uid_t slurm_uid_ = 0;
  Fd listener_;
  // Shared with answers that outlive this object.
  std::shared_ptr<EventFd> event_ = std::make_shared<EventFd>();
  std::list<std::shared_ptr<Peer>> peers_;
  std::mutex mutex_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::daemon
