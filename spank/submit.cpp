// The plugin in sbatch, salloc and srun (Slurm's allocator and local contexts): the option reaches
// slurmctld as SPANK_EVENT_SINK, where PrEp and job completion plugins find it.
//
// A heterogeneous job is submitted component by component in one process, and Slurm lets an option
// of one stay for those after it. Here every component has its own or none.
#include <cstdlib>
#include <cstring>

#include "spank/option.h"
#include "spank/spank.h"

namespace sluice::spank {

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
  if (value != nullptr) {
    if (spank_job_control_setenv(sp, kControlVariable, value, 1) != ESPANK_SUCCESS)
      slurm_error("sluice: --event-sink=%s could not be handed to slurmctld; the job has no sink",
                  value);
    forget_option();
    return;
  }
  // A step of a running job: the variable tells its slurmstepd what the job was submitted with.
  if (spank_context() == S_CTX_LOCAL && getenv("SLURM_JOB_ID") != nullptr) return;
  spank_job_control_unsetenv(sp, kControlVariable);
  unsetenv(kOptionVariable);
}

}  // namespace sluice::spank
