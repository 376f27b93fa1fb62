// Node names: PARTITION-GROUP-NUMBER, and which group each belongs to. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/power/config.h"

namespace sluice::power {

// The group that the node belongs to, or null: another pattern, no such group, a number beyond
// MaxNodes.
const Group* group_of(const Config& config, std::string_view node);

struct Sorted {
  std::map<const Group*, std::vector<std::string>> groups;  // each name once, in the order given
  std::vector<std::string> foreign;                         // of no group
};
Sorted sort_by_group(const Config& config, const std::vector<std::string>& nodes);

}  // namespace sluice::power
