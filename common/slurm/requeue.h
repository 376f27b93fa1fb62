// Jobs that have to leave nodes which will soon be gone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace sluice::slurm {

// Puts back the jobs that run on any of the nodes, as scontrol requeue does; those that may not be
// put back go on. How many were. Blocks on slurmctld; for root, SlurmUser and operators.
Result<size_t> requeue_jobs_on(const std::vector<std::string>& nodes);

}  // namespace sluice::slurm
