// jobcomp_sluice.so: what PrEp never shows, jobs cancelled while pending and requeues
// (JobCompType=jobcomp/sluice, optional: a cluster has one JobCompType).
//
// Slurm's job completion plugin API, declared here because its header is not installed. Older
// Slurm calls jobcomp_p_log_record, newer jobcomp_p_record_job_end; both are exported. slurmctld
// holds its job write lock meanwhile.
#include <cstdint>

#include "ctld/hook/hook.h"

extern "C" {
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
}

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))

SLUICE_EXPORT const char plugin_name[] = "Sluice job completion events";
SLUICE_EXPORT const char plugin_type[] = "jobcomp/sluice";
SLUICE_EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

SLUICE_EXPORT int init() {
  if (sluice::hook::inside_slurmctld()) sluice::hook::configure();
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int fini() {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_set_location() {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_log_record(void* job) {
  sluice::hook::completion(job);
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_record_job_end(void* job) {
  sluice::hook::completion(job);
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_record_job_start(void*, uint32_t) {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT void* jobcomp_p_get_jobs(void*) {
  return nullptr;
}
