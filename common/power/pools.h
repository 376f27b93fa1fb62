// Where a group is launched: the memory of pools that had no capacity steers the next launch, of
// whatever process, away from them.
#pragma once

#include <string>
#include <vector>

#include "common/power/operations.h"

namespace sluice::power {

struct Choice {
  bool spot = false;
  std::vector<Pool> avoid;
};

// For the next launch of the group: without the pools that are known to be empty; on demand where
// spot has none left and the group allows that.
Choice choose(Session& session, const Group& group);

// What a launch has taught: empty pools, for as long as the configuration says, and counters.
// Inside a transaction.
void remember(Session& session, const Place& place, const std::string& group,
              const std::vector<Machine>& machines, const std::vector<Refusal>& refusals);

}  // namespace sluice::power
