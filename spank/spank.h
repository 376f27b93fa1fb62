// Slurm's spank.h as C++ may include it, and the contexts of this plugin: where Slurm loads it,
// what it is called for there. spank_sluice.cpp dispatches; a context is one file.
//
// No function here fails: a callback that returns an error drains nodes or fails jobs, and the
// one place where refusing is right, the option's callback at submission, is option.cpp's.
#pragma once

extern "C" {
#include <slurm/spank.h>
}

namespace sluice::spank {

// sbatch, salloc and an srun that makes a job of its own.
void submit_init(spank_t sp);
void submit_post_opt(spank_t sp);

// slurmd.
void slurmd_init();

// slurmstepd. These run with its privileges, not the user's.
void stepd_init(spank_t sp);
void stepd_post_opt(spank_t sp);
void stepd_task_started(spank_t sp);
void stepd_task_ended(spank_t sp);
void stepd_exit(spank_t sp);

}  // namespace sluice::spank
