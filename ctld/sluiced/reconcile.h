// Reconciling: what slurmctld knows against what the journal knows. A sweep is every job slurmctld
// had at one moment, without those that only wait. What hooks missed is made up from it: starts and
// ends, jobs cancelled while pending, and runs that slurmctld has forgotten (slurm.job.lost).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "common/slurm/jobs.h"
#include "ctld/sluiced/import.h"

namespace sluice::daemon {

struct Sweep {
  int64_t asked_us = 0;  // wall clock just before slurmctld was asked
  int64_t asked_mono_us = 0;
  int64_t known_jobs = 0;  // with the waiting ones
  bool changed = true;     // false: nothing changed since the last sweep
  // Seconds since 1970. What ended before and is not in the journal was told and forgotten there:
  // slurmctld may remember for longer (MinJobAge=0: for ever).
  int64_t forgotten_before = 0;
  // Seconds since 1970. Of runs that started before, are open here and not in the answer, another
  // host's sluiced has told the end. 0: there is none, or it stood by.
  int64_t told_elsewhere_before = 0;
  std::vector<slurm::JobInfo> jobs;
};

// Compares and adds events, inside the caller's transaction. `busy` says that records of the job
// are still on their way: it is left to the next sweep; false if anything was. `pause` is called
// between jobs now and then: the caller commits there, so that others get their turn. What was
// compared by then stands.
bool reconcile(const Sweep& sweep, journal::Journal& journal, Import& import,
               const std::function<bool(uint32_t)>& busy, const std::function<void()>& pause);

// The child: asks slurmctld and prints the jobs, one a line, then a line "done KNOWN STAMP".
// Its memory goes with it. Returns the exit status.
int print_sweep(int64_t since);

// Runs the child (this very program with --sweep) and reads its answer; blocks up to a minute, or
// until `stop` is set. `stamp` is the last sweep's, and set to this one's.
Result<Sweep> run_sweep(const std::string& slurm_conf, int64_t* stamp,
                        const std::atomic<bool>& stop);

}  // namespace sluice::daemon
