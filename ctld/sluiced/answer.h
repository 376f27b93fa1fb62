// What slurmctld said about a job when asked on behalf of its raw records.
#pragma once

#include <map>
#include <optional>

#include "common/slurm/jobs.h"

namespace sluice::daemon {

struct Answer {
  enum class Status { not_asked, unreachable, unknown_job, found };
  Status status = Status::not_asked;
  uint64_t asked = 0;                  // the number of the ask this answers
  std::optional<slurm::JobInfo> info;  // with found

  const slurm::JobInfo* job() const { return info ? &*info : nullptr; }
};

using Answers = std::map<uint32_t, Answer>;  // by job id

}  // namespace sluice::daemon
