// What EC2 warns of: that it takes a spot instance back in two minutes, or may do so soon
// ("Spot Instance interruption notices", "EC2 instance rebalance recommendations", Amazon EC2 User
// Guide). Its node is drained and its jobs are put back while there is time.
//
// Warnings come by an SQS queue that an EventBridge rule fills (the head node reads it), or from
// the instance metadata (the node reads those of its own: sluice node-watch).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/aws/caller.h"
#include "common/power/operations.h"

namespace sluice::power {

// What nodes' reasons begin with; their event is told by whoever reconciles.
constexpr const char* kInterrupted = "sluice: interrupted: ";

struct Warning {
  std::string instance;  // i-…
  std::string what;      // "spot instance interruption: terminate"
};
// An EventBridge event; false for one that is no warning.
bool parse_warning(std::string_view event, Warning* out);

// Drains the nodes and puts their jobs back. Blocks on slurmctld.
Result<void> leave(const std::vector<std::string>& nodes, const std::string& what);

// The queue's reader. Each call takes what is there, some hundred messages at most, and deletes
// what was seen to. Blocks; for one thread.
class InterruptionQueue {
 public:
  InterruptionQueue(const std::string& url, const std::string& profile);
  void look(Session& session);

 private:
  struct Message {
    std::string receipt, body;
  };
  std::vector<Message> receive();
  void remove(const std::vector<Message>& seen);
  aws::Answer ask(const char* action, std::string body);

  http::Client http_;
  std::string url_;
  std::shared_ptr<aws::Caller> caller_;
};

}  // namespace sluice::power
