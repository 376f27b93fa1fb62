// jobcomp_sluice.so: what PrEp never shows, jobs cancelled while pending and requeues
// (JobCompType=jobcomp/sluice, optional: a cluster has one JobCompType).
//
// Slurm's job completion plugin API, declared here because its header is not installed. Older
// Slurm calls jobcomp_p_log_record, newer jobcomp_p_record_job_end; both are exported. slurmctld
// holds its job write lock meanwhile.
#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "ctld/hook/hook.h"

extern "C" {
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>
}

#define SLUICE_EXPORT extern "C" __attribute__((visibility("default")))

SLUICE_EXPORT const char plugin_name[] = "Sluice job completion events";
SLUICE_EXPORT const char plugin_type[] = "jobcomp/sluice";
SLUICE_EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

namespace {

using CompletingJob = uint32_t (*)(const void*);

// Writes the path of prep_sluice.so, if slurmctld has it loaded, to `found` (4,096 bytes).
int find_prep(dl_phdr_info* info, size_t, void* found) {
  const char* slash = info->dlpi_name != nullptr ? strrchr(info->dlpi_name, '/') : nullptr;
  if (slash == nullptr || strcmp(slash, "/prep_sluice.so") != 0) return 0;
  snprintf(static_cast<char*>(found), 4096, "%s", info->dlpi_name);
  return 1;
}

// That plugin has seen the starts, this one has not; and slurmctld loads each without the other's
// symbols. It stays loaded from then on.
CompletingJob prep() {
  char path[4096] = {};
  if (dl_iterate_phdr(find_prep, path) == 0) return nullptr;
  void* plugin = dlopen(path, RTLD_NOLOAD | RTLD_LAZY | RTLD_LOCAL);
  if (plugin == nullptr) return nullptr;
  return reinterpret_cast<CompletingJob>(dlsym(plugin, "sluice_prep_completing_job"));
}

// Called with slurmctld's job write lock held, which orders the calls.
void completion(void* job) {
  static constinit bool looked = false;
  static constinit CompletingJob completing_job = nullptr;
  if (!looked) completing_job = prep();  // now, when all plugins are there
  looked = true;
  sluice::hook::completion(job, completing_job != nullptr ? completing_job(job) : 0);
}

}  // namespace

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
  completion(job);
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_record_job_end(void* job) {
  completion(job);
  return SLURM_SUCCESS;
}

SLUICE_EXPORT int jobcomp_p_record_job_start(void*, uint32_t) {
  return SLURM_SUCCESS;
}

SLUICE_EXPORT void* jobcomp_p_get_jobs(void*) {
  return nullptr;
}
