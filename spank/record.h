// A node's record of a job or step, with what Slurm says of it in slurmstepd and the documented
// part of the job's environment. The environment is the user's own text, never to be trusted;
// names with '@' come from Slurm.
#pragma once

#include "common/inbox/writer.h"
#include "spank/spank.h"

namespace sluice::spank {

// Job, step, user, node, run. Points into the job's environment, so write it before returning.
void describe(spank_t sp, uint32_t step, inbox::Record* record);

// How a task, or the worst of several, ended: a wait status.
void describe_status(int status, inbox::Record* record);

// Writes to the node's inbox; what fails is logged at debug level.
void write_record(const char* kind, const inbox::Record& record);

}  // namespace sluice::spank
