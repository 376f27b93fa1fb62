// data.job and data.env: a job as events show it, under slurmrestd's names (v0.0.40: states as an
// array, exit_code with return_code and signal). What is not known is null, never a guess.
#pragma once

#include "common/inbox/record.h"
#include "common/json/json.h"
#include "common/slurm/jobs.h"

namespace sluice::event {

// From slurmctld's answer.
Json job_from_info(const slurm::JobInfo& info);
// From what a hook saw; keys it does not know are null.
Json job_from_record(const inbox::RawRecord& record);
// {"return_code": 3, "signal": null, "status": "ERROR"} from a wait status.
Json exit_code(int64_t wait_status);

// The documented SLURM_* variables of the hook, as valid UTF-8.
Json env_from_record(const inbox::RawRecord& record);
// The same names, as far as slurmctld's answer has them, for events without a hook.
Json env_from_info(const slurm::JobInfo& info);

// "job/123", or "job/123_4" for task 4 of array 123.
std::string subject_of(const Json& job);

// A JobInfo through a pipe: one line of JSON and back.
std::string to_line(const slurm::JobInfo& info);
Result<slurm::JobInfo> from_line(std::string_view line);

}  // namespace sluice::event
