// Preloaded into sluiced: how long slurmctld takes to answer its questions about jobs.
// SLUICE_BENCH_ASKS names the file (timings.h).
#include <dlfcn.h>

#include <cstdlib>

#include "bench/timings.h"

extern "C" {
#include <slurm/slurm.h>
#include <slurm/slurm_version.h>

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
using JobId = slurm_step_id_t;
#else
using JobId = uint32_t;
#endif

__attribute__((visibility("default"))) int slurm_load_job(job_info_msg_t** out, JobId job_id,
                                                          uint16_t flags);
__attribute__((visibility("default"))) int slurm_load_jobs(time_t since, job_info_msg_t** out,
                                                           uint16_t flags);
}

namespace {

using sluice::bench::nanoseconds;

template <class Call>
int timed(int64_t kind, Call call) {
  static sluice::bench::File* file = [] {
    const char* path = getenv("SLUICE_BENCH_ASKS");
    return path == nullptr ? nullptr : sluice::bench::map_timings(path);
  }();
  sluice::bench::Row row{};
  row.kind = kind;
  row.wall_us = nanoseconds(CLOCK_REALTIME) / 1000;
  int64_t begin = nanoseconds(CLOCK_MONOTONIC);
  int rc = call();
  row.total_ns = nanoseconds(CLOCK_MONOTONIC) - begin;
  sluice::bench::add(file, row);
  return rc;
}

}  // namespace

int slurm_load_job(job_info_msg_t** out, JobId job_id, uint16_t flags) {
  static auto* real =
      reinterpret_cast<decltype(&slurm_load_job)>(dlsym(RTLD_NEXT, "slurm_load_job"));
  return timed(0, [&] { return real(out, job_id, flags); });
}

int slurm_load_jobs(time_t since, job_info_msg_t** out, uint16_t flags) {
  static auto* real =
      reinterpret_cast<decltype(&slurm_load_jobs)>(dlsym(RTLD_NEXT, "slurm_load_jobs"));
  return timed(1, [&] { return real(since, out, flags); });
}
