// Nodes as local processes: each is a `slurmd -D -b -N NAME` in a session of its own. For
// demonstrations and tests; it needs the rights that slurmd needs.
#pragma once

#include "common/power/provider.h"

namespace sluice::power {

// `slurmd`: the program; `address`: where slurmctld reaches it.
ProviderPtr make_process_provider(std::string slurmd, std::string address);

// The processes of this host, read from /proc: those that a launch made are known by their
// environment.
struct NodeProcess {
  int64_t pid = 0;
  std::string started;  // clock ticks since boot, as /proc says: with the pid it names one process
  std::string token, node, cluster;
};
std::vector<NodeProcess> node_processes();

}  // namespace sluice::power
