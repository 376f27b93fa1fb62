// Tags that differ from node to node: Name, and those of the group with {ip_address}, {node_name}
// or {hostname} in them. They need a call for each node, so they come last, when the nodes boot
// already.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/power/operations.h"

namespace sluice::power {

using Tags = std::vector<std::pair<std::string, std::string>>;

// Of the node; `group` null where the configuration does not have it any more. Pure.
Tags tags_of(const Node& node, const Group* group);

// Tags the machines that have not been, at most `most` of them, some at a time. How many are left.
// Throws journal::DbError.
size_t name_machines(Session& session, size_t most);

}  // namespace sluice::power
