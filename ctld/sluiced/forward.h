// The node's side of forwarding: one connection to a controller's sluiced, one batch at a time.
// Blocking calls with deadlines, on the forwarder's own thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/inbox/record.h"
#include "ctld/sluiced/intake.h"

namespace sluice::daemon {

class Forward {
 public:
  Forward(std::vector<std::string> controllers, std::string munge_socket, std::string node)
      : controllers_(std::move(controllers)),
        munge_socket_(std::move(munge_socket)),
        node_(std::move(node)) {}

  // The controller is done with the records once this returns without an error: they are in its
  // journal, or among those it refused. Tries each controller in turn; answers only of root,
  // SlurmUser or the user sluice count.
  Result<Refused> send(const std::vector<inbox::RawRecord>& records);

 private:
  Result<void> connect(const std::string& controller);
  Result<Refused> exchange(const std::string& bytes);
  Result<void> write_all(const std::string& bytes, int64_t deadline_ms);
  Result<std::string> read_frame(int64_t deadline_ms);

  std::vector<std::string> controllers_;
  std::string munge_socket_;
  std::string node_;
  size_t current_ = 0;
  Fd fd_;
};

}  // namespace sluice::daemon
