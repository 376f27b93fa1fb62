// What slurmctld knows of nodes, as plain values, and what may be said about them. With nodes.cpp
// the only place that sees Slurm's node structures and state bits. Strings of states are for
// people: they change between releases. Calls block up to Slurm's MessageTimeout.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace sluice::slurm {

struct NodeInfo {
  std::string name, address, hostname, reason;
  std::vector<std::string> state;  // "IDLE", "CLOUD", "POWERED_DOWN": to be shown
  uint16_t port = 0;               // of slurmd
  int64_t boot_time = 0;           // seconds since 1970, 0 where not known
  int64_t slurmd_start_time = 0;
  int64_t last_busy = 0;
  int64_t reason_time = 0;
  uint32_t reason_uid = 0;  // who gave the reason

  bool cloud = false;  // State=CLOUD
  bool down = false;
  bool idle = false;
  bool allocated = false;   // to a job, in whole or in part
  bool draining = false;    // takes no new work
  bool completing = false;  // a job's processes are still being ended
  bool failing = false;
  bool not_responding = false;
  bool powered_down = false;
  bool powering_up = false;       // ResumeProgram was or will be told; it has not booted
  bool powering_down = false;     // SuspendProgram was told, SuspendTimeout runs
  bool power_down_asked = false;  // it will be powered down once it may
};

// Every node, those of hidden partitions and those powered down too.
Result<std::vector<NodeInfo>> load_nodes();

struct NodeAddress {
  std::string node, address, hostname;
};
// Where slurmctld finds the nodes, in one call. It applies them in order and stops at the first
// node it does not know: name none that load_nodes() has not shown.
Result<void> set_addresses(const std::vector<NodeAddress>& nodes);

enum class NodeChange {
  down,        // jobs on them are put back or fail
  power_down,  // once their jobs have ended
  resume,      // out of DOWN or DRAIN
  undrain,
  drain,
};
// The same for a change of state; `reason` where one is needed (down, drain), else it may be empty.
Result<void> change_nodes(const std::vector<std::string>& names, NodeChange change,
                          const std::string& reason);

// "n[0-2],m" as names, in order; an error where it is no host list, or has more than `most` names.
Result<std::vector<std::string>> expand_hostlist(const std::string& list, size_t most = 65536);

}  // namespace sluice::slurm
