// slurmctld's answers about a job, made up.
#pragma once

#include "ctld/sluiced/answer.h"

namespace sluice::daemon {

// Slurm's job states.
constexpr uint32_t kPending = 0;
constexpr uint32_t kRunning = 1;
constexpr uint32_t kComplete = 3;
constexpr uint32_t kCancelled = 4;

inline Answer found(slurm::JobInfo info) {
  return {Answer::Status::found, 0, std::move(info)};
}
inline Answer silent() {
  return {Answer::Status::unreachable, 0, {}};
}
inline Answer unknown() {
  return {Answer::Status::unknown_job, 0, {}};
}

inline slurm::JobInfo job_info(uint32_t id, uint32_t state, int64_t start, uint32_t restart = 0) {
  slurm::JobInfo j;
  j.job_id = id;
  j.state = state;
  j.start_time = start;
  j.restart_count = restart;
  j.user = "alice";
  j.nodes = "n0";
  return j;
}

}  // namespace sluice::daemon
