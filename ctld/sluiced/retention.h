// What the journal forgets: what is older than retain_hours, and, when it is over max_mib, the
// oldest events. Whatever goes that a sink has not taken is logged and counted.
#pragma once

#include <cstdint>

#include "common/config/config.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

// What is queued for a sink that the configuration has no more becomes a dead letter so long after
// it was queued: as give_up_hours, which the sink would have had by default.
constexpr int64_t kOrphanHours = 72;

// One pass, in a transaction of its own; true if there is more to do. Throws DbError.
// `min_job_age`: Slurm's MinJobAge, in seconds.
// `hold`: nothing goes for its age alone, since the clock cannot be trusted.
bool retain(journal::Journal& journal, const config::Config& config, int64_t min_job_age, bool hold,
            Stats& stats);

}  // namespace sluice::daemon
