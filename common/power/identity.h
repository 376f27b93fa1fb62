// Which node a machine is: the one that slurmctld expects at this machine's address.
#pragma once

#include <string>
#include <vector>

#include "common/slurm/nodes.h"

namespace sluice::power {

// IPv4 and IPv6 addresses of this host's interfaces, but loopback and link-local ones.
std::vector<std::string> own_addresses();

struct Match {
  std::vector<std::string> nodes;  // one, if all is well
};
// The nodes with one of those addresses that are powering up and not powering down. Pure.
Match nodes_at(const std::vector<slurm::NodeInfo>& nodes,
               const std::vector<std::string>& addresses);

// The same, of slurmctld: asked in a child process, because libslurm ends the process where
// slurm.conf cannot be used, and waits long for a slurmctld that is away. Blocks for `timeout_ms`
// at most.
Result<Match> ask_for_nodes_at(const std::vector<std::string>& addresses, int64_t timeout_ms);

}  // namespace sluice::power
