// SLURM_RESUME_FILE: what slurmctld tells ResumeProgram of the jobs that wait for its nodes
// (Slurm's Power Saving Guide). Its keys have had two sets of names. Pure but for libslurm's host
// lists.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/power/assign.h"

namespace sluice::power {

Result<std::vector<Job>> parse_resume_file(std::string_view json);

}  // namespace sluice::power
