// Which run a raw record belongs to. Slurm reuses and repeats: a requeue keeps the job id, the end
// hook of a requeued run shows the next restart count, hooks run again after a restart, and a
// slurmctld that was killed gives the ids of forgotten jobs to others. A run is therefore a job id
// and the start time that slurmctld gave it; where that cannot be had the hook's own time stands in
// and the run is provisional. In doubt a new run is made: a repeated event can be recognised, two
// events under one id cannot.
//
// Called inside the import transaction; throws DbError.
#pragma once

#include "common/inbox/record.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/answer.h"

namespace sluice::daemon {

struct Found {
  journal::Run run;
  bool fresh = false;         // made just now: its start was not seen before
  bool info_is_this = false;  // the answer is about this very run, not a later one
};

// True if the job slurmctld shows is this run under a start time that slurmctld has moved since.
// Another run with that very start time comes first.
bool start_moved(const journal::Run& run, const slurm::JobInfo& info);

// Is `run` a provisional one that slurmctld may have started at `start`? A hook runs at its job's
// start or a little later, never before: what started after the hook is another run, with the id
// that a killed slurmctld gave away again.
bool may_have_started(const journal::Run& run, int64_t start, int64_t restart);

// For kinds start and end.
Found run_of_hook(journal::Journal& journal, const inbox::RawRecord& record, const Answer& answer);
// For records of nodes and of sluice emit; no value: not known, and asking may help.
std::optional<Found> run_of_node(journal::Journal& journal, const inbox::RawRecord& record,
                                 const Answer& answer);
// For a job in a sweep; it must have started.
Found run_of_info(journal::Journal& journal, const slurm::JobInfo& info);

}  // namespace sluice::daemon
