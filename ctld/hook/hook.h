// What the plugins inside slurmctld share: where the inbox is and how a job's record gets there.
//
// slurmctld's headers are not installed, so a job is an opaque pointer here and everything known
// of it comes from slurmctld's own job_common_env_vars(): the documented environment of
// PrologSlurmctld and EpilogSlurmctld, the job's SPANK_* variables first.
#pragma once

namespace sluice::hook {

// True inside slurmctld; false in slurmd, which loads PrEp plugins too and where they stay inert.
bool inside_slurmctld();

// Reads sluice_inbox from PrEpParameters (default /run/sluice/inbox). Call from the plugin's init.
void configure();

// Leaves a record of `kind` for the job. Called with slurmctld's job lock held; never fails.
void job(const char* kind, void* job_record, bool is_complete);

}  // namespace sluice::hook
