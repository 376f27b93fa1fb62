// The option `--event-sink`: registered in every context, checked where the job is submitted.
//
// Slurm calls the callback without a handle, so what it saw is kept here until the context's
// init_post_opt. The grammar of the value is common/event/selection.h's.
#pragma once

#include "common/event/selection.h"
#include "spank/spank.h"

namespace sluice::spank {

// Slurm hands the option on under this name: in the environment of sbatch and salloc (and so of
// the batch script), from where slurmstepd takes it, and, with a prefix of SPANK_, to slurmctld.
constexpr const char* kOptionVariable = "_SLURM_SPANK_OPTION_sluice_event_sink";
// Set by a user, this one is the option's default for sbatch, salloc and srun.
constexpr const char* kDefaultVariable = "SLURM_SPANK__SLURM_SPANK_OPTION_sluice_event_sink";
// What steps find the job's own selection in: "JOBID:VALUE" from the batch script's slurmstepd,
// ":VALUE" from the commands that make a job, which know no id yet. The option is no
// good for that: an srun inside a job has its own. Slurm hands on a variable of such a name
// whatever --export says.
constexpr const char* kJobVariable = "SLURM_SLUICE_EVENT_SINK";
// Slurm's hooks see this one with a prefix of SPANK_.
constexpr const char* kControlVariable = "EVENT_SINK";

// From slurm_spank_init only.
void register_option(spank_t sp);

// The value as the callback accepted it, and what is in it; null if the option was not given
// since the last call of forget_option().
const char* option_value();
const Selection& option_selection();
void forget_option();
// In slurmstepd: what counts in place of what the callback saw; null: nothing.
void replace_option(const char* text);

}  // namespace sluice::spank
