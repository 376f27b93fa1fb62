// The plugin in sbatch, salloc and srun (Slurm's allocator and local contexts): the option reaches
// slurmctld as SPANK_EVENT_SINK, where PrEp and job completion plugins find it.
//
// A heterogeneous job is submitted component by component in one process, and Slurm lets an option
// of one stay for those after it. Here every component has its own or none.
#include <cstdio>
#include <cstdlib>

#include "common/event/selection.h"
#include "spank/option.h"
#include "spank/spank.h"

namespace sluice::spank {
namespace {

// Of the components of one srun or salloc the last that has a selection names it for the steps of
// all, as Slurm does with the option itself.
void hand_to_steps(const char* value) {
  static constinit bool inherited = true;
  char text[kMaxSelectionBytes + 2];
  if (value != nullptr) {
    snprintf(text, sizeof text, ":%s", value);
    setenv(kJobVariable, text, 1);
  } else if (inherited) {
    unsetenv(kJobVariable);  // of the job that submits this one
  }
  inherited = false;
}

}  // namespace

void submit_init(spank_t sp) {
  register_option(sp);
}

// Called for each component, once its options are read and Slurm has put them (and, with them,
// what is left from the component before) into the environments.
void submit_post_opt(spank_t sp) {
  const char* value = option_value();
  // Slurm's own copy would do no more than ours, and salloc would turn it into the default of
  // every sbatch in its shell.
  spank_job_control_unsetenv(sp, kOptionVariable);
  // A step of a running job: the variables tell its slurmstepd what the job was submitted with.
  if (value == nullptr && spank_context() == S_CTX_LOCAL && getenv("SLURM_JOB_ID") != nullptr)
    return;
  hand_to_steps(value);
  if (value != nullptr) {
    if (spank_job_control_setenv(sp, kControlVariable, value, 1) != ESPANK_SUCCESS)
      slurm_error("sluice: --event-sink=%s could not be handed to slurmctld; the job has no sink",
                  value);
    forget_option();
    return;
  }
  spank_job_control_unsetenv(sp, kControlVariable);
  unsetenv(kOptionVariable);
}

}  // namespace sluice::spank
