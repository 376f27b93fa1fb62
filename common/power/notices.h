// What happens to nodes, as events: committed to the record together with what they tell of, and
// handed to sluiced afterwards, as often as it takes. docs/formats.md describes them.
#pragma once

#include <string>

#include "common/power/operations.h"

namespace sluice::power {

// Inside a transaction. `type` is one of event::kNode…; `reason` says why, where there is a why.
void tell_of(Session& session, const char* type, const Node& node, const std::string& reason = {});

// The machine of a node is to end: marked, counted, told of as `type`, and the node is free again.
// Inside a transaction.
void end_node(Session& session, const Node& node, const char* type, const std::string& reason = {});

// Gives sluiced what waits, over `socket`; what it does not take stays. Blocks two seconds at most.
// Throws journal::DbError.
void hand_over(Record& record, const std::string& socket);

}  // namespace sluice::power
