// spank_sluice.so: the `--event-sink` option, and the launch, exit and step events of compute
// nodes (`optional spank_sluice.so` in plugstack.conf; spank_sluice(8)).
//
// Everything Slurm looks up is in this file; it only says which context is called. Whatever
// happens, each entry point reports success.
#include "spank/spank.h"

#include "spank/arguments.h"

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))

// Slurm's SPANK_PLUGIN() would make constants that C++ does not export.
SLUICE_EXPORT const char plugin_name[] = "sluice";
SLUICE_EXPORT const char plugin_type[] = "spank";
SLUICE_EXPORT const unsigned int plugin_version = SLURM_VERSION_NUMBER;
SLUICE_EXPORT const unsigned int spank_plugin_version = 1;

using namespace sluice::spank;

SLUICE_EXPORT int slurm_spank_init(spank_t sp, int argc, char* argv[]) {
  spank_context_t context = spank_context();
  if (context == S_CTX_ERROR || context == S_CTX_JOB_SCRIPT) return ESPANK_SUCCESS;
  // A step's log is no place for the administrator's mistakes: slurmd's has them already.
  parse_arguments(argc, argv, context != S_CTX_REMOTE);
  if (context == S_CTX_ALLOCATOR || context == S_CTX_LOCAL) submit_init(sp);
  if (context == S_CTX_SLURMD) slurmd_init();
  if (context == S_CTX_REMOTE) stepd_init(sp);
  return ESPANK_SUCCESS;
}

SLUICE_EXPORT int slurm_spank_init_post_opt(spank_t sp, int, char**) {
  spank_context_t context = spank_context();
  if (context == S_CTX_ALLOCATOR || context == S_CTX_LOCAL) submit_post_opt(sp);
  if (context == S_CTX_REMOTE) stepd_post_opt(sp);
  return ESPANK_SUCCESS;
}

// Slurm calls the other three in slurmstepd, slurm_spank_exit in submission commands too.
SLUICE_EXPORT int slurm_spank_task_post_fork(spank_t sp, int, char**) {
  stepd_task_started(sp);
  return ESPANK_SUCCESS;
}

SLUICE_EXPORT int slurm_spank_task_exit(spank_t sp, int, char**) {
  stepd_task_ended(sp);
  return ESPANK_SUCCESS;
}

SLUICE_EXPORT int slurm_spank_exit(spank_t sp, int, char**) {
  if (spank_context() == S_CTX_REMOTE) stepd_exit(sp);
  return ESPANK_SUCCESS;
}
