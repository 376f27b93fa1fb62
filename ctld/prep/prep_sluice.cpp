// prep_sluice.so: slurmctld's start and end hooks (PrEpPlugins=script,sluice).
//
// Slurm's PrEp plugin API, declared here because its header is not installed. slurmctld calls the
// two _slurmctld hooks with its job and node write locks held; slurmd loads this plugin too and
// finds it inert. Every hook returns success and leaves *async false, whatever happens: an error
// would make slurmctld skip the plugins after this one.
#include <cstdint>

#include "ctld/hook/hook.h"

extern "C" {
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
}

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))

SLUICE_EXPORT const char plugin_name[] = "Sluice job events";
SLUICE_EXPORT const char plugin_type[] = "prep/sluice";
SLUICE_EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

namespace {

// prep_call_type_t of slurmctld.
constexpr int kPrologSlurmctld = 3;
constexpr int kEpilogSlurmctld = 4;

}  // namespace

SLUICE_EXPORT int init() {
  if (sluice::hook::inside_slurmctld()) sluice::hook::configure();
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int fini() {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT void prep_p_register_callbacks(void*) {}

SLUICE_EXPORT int prep_p_prolog(void*, void*) {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int prep_p_epilog(void*, void*) {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int prep_p_prolog_slurmctld(void* job, bool*) {
  sluice::hook::start(job);
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int prep_p_epilog_slurmctld(void* job, bool*) {
  sluice::hook::end(job);
  return SLURM_SUCCESS;
}

// For jobcomp_sluice.so.
SLUICE_EXPORT uint32_t sluice_prep_completing_job(const void* job) {
  return sluice::hook::completing_job(job);
}

SLUICE_EXPORT void prep_p_required(int type, bool* required) {
  // Only ever set: the other plugins' wishes are in the same variable.
  if (sluice::hook::inside_slurmctld() && (type == kPrologSlurmctld || type == kEpilogSlurmctld))
    *required = true;
}
