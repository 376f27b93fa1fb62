#include "common/slurm/requeue.h"

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <type_traits>

#include "common/base/log.h"
#include "common/slurm/nodes.h"

namespace sluice::slurm {
namespace {

struct FreeJobs {
  void operator()(job_info_msg_t* m) const { slurm_free_job_info_msg(m); }
};

bool runs_on(const slurm_job_info_t& job, const std::vector<std::string>& nodes) {
  uint32_t base = job.job_state & JOB_STATE_BASE;
  if (job.nodes == nullptr || (base != JOB_RUNNING && base != JOB_SUSPENDED)) return false;
  auto own = expand_hostlist(job.nodes);
  return own && std::ranges::any_of(*own, [&](const std::string& node) {
           return std::ranges::find(nodes, node) != nodes.end();
         });
}

// 26.05 wants the job's whole id. A template, so that only what there is has to compile.
template <class Job>
int put_back(const Job& job) {
  if constexpr (std::is_invocable_v<decltype(slurm_requeue), uint32_t, uint32_t>)
    return slurm_requeue(job.job_id, 0);
  else
    return slurm_requeue(job.step_id, 0);
}

}  // namespace

Result<size_t> requeue_jobs_on(const std::vector<std::string>& nodes) {
  job_info_msg_t* raw = nullptr;
  if (slurm_load_jobs(0, &raw, SHOW_ALL) != SLURM_SUCCESS || raw == nullptr)
    return fail(std::string("slurm_load_jobs: ") + slurm_strerror(errno));
  std::unique_ptr<job_info_msg_t, FreeJobs> jobs(raw);
  size_t done = 0;
  for (uint32_t i = 0; i < jobs->record_count; ++i) {
    const slurm_job_info_t& job = jobs->job_array[i];
    if (!runs_on(job, nodes)) continue;
    if (put_back(job) == SLURM_SUCCESS)
      ++done;
    else  // not --requeue, or it has just ended
      log::info("job " + std::to_string(job.job_id) + " is not put back: " + slurm_strerror(errno));
  }
  return done;
}

}  // namespace sluice::slurm
