// Events of nodes that power save makes and ends. Its programs commit them to a record of their own
// and hand them over the socket; they may be told again, with the same id, until that was answered.
#pragma once

#include "ctld/sluiced/intake.h"
#include "ctld/sluiced/server.h"

namespace sluice::daemon {

constexpr const char* kCloudKind = "cloud";

// {"op":"node.events","events":[{"type","id","node","time","data"}]}, of SlurmUser or an
// administrator (`admin`). Answers {"taken": N, "refused": […]} when they are in the journal; those
// that are refused never will be.
void take_node_events(const Json& request, const Caller& caller, Intake& intake,
                      const Reply& reply);

}  // namespace sluice::daemon
