#include "ctld/sluiced/reconcile.h"

#include <map>

#include "ctld/sluiced/runs.h"

namespace sluice::daemon {
namespace {

using journal::Run;
using journal::RunState;
using slurm::JobInfo;

constexpr size_t kBetweenPauses = 500;  // jobs or runs compared

bool started(const JobInfo& job) {
  return !slurm::pending(job) && job.start_time > 0 && !job.nodes.empty();
}

bool cancelled_while_pending(const JobInfo& job) {
  return slurm::ended(job) && job.nodes.empty();
}

bool same_run(const Run& run, const JobInfo& job, journal::Journal& journal) {
  if (!started(job)) return false;
  if (run.restart != job.restart_count) return false;
  if (run.start == job.start_time || may_have_started(run, job.start_time, job.restart_count))
    return true;
  return start_moved(run, job) && !journal.run_at(job.job_id, job.start_time, job.restart_count);
}

// A run that is open in the journal and which the sweep does not show as running.
void missing(const Run& run, const JobInfo* now, const Sweep& sweep, Import& import) {
  bool put_back = now != nullptr && static_cast<int64_t>(now->restart_count) > run.restart;
  if (!put_back)
    return run.start < sweep.told_elsewhere_before ? import.told_elsewhere(run) : import.lost(run);
  import.ended(run, nullptr, nullptr);
  import.requeued(run, 0);
}

}  // namespace

bool reconcile(const Sweep& sweep, journal::Journal& journal, Import& import,
               const std::function<bool(uint32_t)>& busy, const std::function<void()>& pause) {
  size_t done = 0;
  bool whole = true;
  auto breathe = [&] {
    if (++done % kBetweenPauses == 0) pause();
  };
  std::map<uint32_t, const JobInfo*> by_id;
  for (const JobInfo& job : sweep.jobs) {
    by_id[job.job_id] = &job;
    breathe();
    if (busy(job.job_id)) {
      whole = false;
      continue;
    }
    if (slurm::ended(job) && job.end_time < sweep.forgotten_before &&
        journal.runs_of(job.job_id).empty())
      continue;
    if (cancelled_while_pending(job)) {
      if (!journal.cancelled_known(job.job_id, job.submit_time, job.end_time))
        import.cancelled(&job, nullptr);
      continue;
    }
    if (!started(job)) continue;
    Found found = run_of_info(journal, job);
    if (found.fresh) import.missed_start(found.run);
    if (found.run.state == RunState::open && slurm::ended(job))
      import.ended(found.run, &job, nullptr);
  }
  int64_t row = 0;
  for (;;) {
    auto runs = journal.open_runs(row, 500);
    if (runs.empty()) return whole;
    for (const Run& run : runs) {
      row = run.row;
      breathe();
      // What was journaled after slurmctld was asked is not in its answer.
      if (run.seen_us >= sweep.asked_us || busy(run.job_id)) {
        whole = false;
        continue;
      }
      auto it = by_id.find(run.job_id);
      const JobInfo* now = it == by_id.end() ? nullptr : it->second;
      if (now != nullptr && same_run(run, *now, journal)) continue;
      missing(run, now, sweep, import);
    }
  }
}

}  // namespace sluice::daemon
