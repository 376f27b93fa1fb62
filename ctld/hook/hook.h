// What the plugins inside slurmctld share: where the inbox is and how a job's record gets there.
//
// slurmctld's headers are not installed, so a job is an opaque pointer here and everything known
// of it comes from slurmctld's own job_common_env_vars(): the documented environment of
// PrologSlurmctld and EpilogSlurmctld, the job's SPANK_* variables first. That is costly, so it is
// called once a job, and once an array; otherwise the record says which job it is (known_jobs.h)
// and sluiced learns the rest from slurmctld. Where slurm.conf has RequeueExit or RequeueExitHold,
// it is called for each end as well.
#pragma once

#include <cstdint>

namespace sluice::hook {

// True inside slurmctld; false in slurmd, which loads PrEp plugins too and where they stay inert.
bool inside_slurmctld();

// Reads sluice_inbox from PrEpParameters (default /run/sluice/inbox). Call from the plugin's init.
void configure();

// Each leaves a record for the job. Called with slurmctld's job write lock held; never fails.
void start(void* job_record);
void end(void* job_record);
// jobcomp: also of jobs that never started. `job_id`: what completing_job() says in the plugin that
// has seen the starts, 0 if there is none.
void completion(void* job_record, uint32_t job_id);

// The id of a job whose start was told, once; 0 if it was not, or is forgotten here.
uint32_t completing_job(const void* job_record);

}  // namespace sluice::hook
