// Which nodes get the machines, where there are fewer of them than nodes. A job that cannot have
// all its nodes has no use for some, so jobs are served whole, in the order given, and nodes of no
// job come last. Pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace sluice::power {

struct Job {
  uint32_t id = 0;
  std::vector<std::string> nodes;  // of those that are being resumed
  // That it has: those that came earlier, or come later, too. GCC misses an initializer where the
  // others are braced.
  std::vector<std::string> all = {};  // NOLINT(readability-redundant-member-init)
};

// One launch: the nodes it is for, and how many machines came.
struct Yield {
  std::vector<std::string> nodes;
  size_t machines = 0;
};

// The nodes to be served: of each launch at most as many as it has machines. `failed`: nodes that
// are asked for and can come by no launch.
std::set<std::string> assign(const std::vector<Job>& jobs, const std::vector<Yield>& yields,
                             const std::set<std::string>& failed);

}  // namespace sluice::power
