#include "ctld/sluiced/retention.h"

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr size_t kRows = 2'000;  // in one transaction, so that others get their turn
constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kHourUs = 3600 * kSecondUs;

// Of the bound; logged once it is committed.
void tell(const config::Config& config, const journal::Forgotten& taken, bool still_over,
          Stats& stats) {
  std::string over = "journal " + config.journal +
                     " is over max_mib=" + std::to_string(config.max_journal_mib) + ": ";
  stats.lost_events += taken.undelivered;
  stats.dropped_letters += taken.letters;
  if (taken.undelivered > 0)
    log::error(over + std::to_string(taken.undelivered) +
               " UNDELIVERED events were dropped; mend the sinks or raise max_mib");
  if (taken.letters > 0)
    log::warning(over + std::to_string(taken.letters) +
                 " dead letters were dropped; see to `sluice dead list`, or raise max_mib");
  if (!still_over)
    log::clear("journal-bound", "journal " + config.journal + " is within max_mib again");
  else if (taken.rows == 0)
    log::once(log::Level::warning, "journal-bound",
              over + "all its events are of the last three MinJobAge, and stay; raise max_mib");
}

}  // namespace

bool retain(journal::Journal& journal, const config::Config& config, int64_t min_job_age,
            Stats& stats) {
  int64_t now = clock::wall_us();
  int64_t max_bytes = config.max_journal_mib << 20;
  journal::Transaction t(journal.db());
  int64_t gone = journal.prune(now - config.retain_hours * kHourUs, kRows);
  for (const auto& sink : journal.queue_sinks())
    if (!config.sinks.contains(sink)) gone += journal.bury_orphans(sink, now - 72 * kHourUs);
  journal::Forgotten taken;
  // What slurmctld may still know stays: told again, by a record or a sweep, it would come back.
  if (journal.bytes_used() > max_bytes)
    taken = journal.shrink(max_bytes, now - 3 * min_job_age * kSecondUs, kRows);
  bool still_over = journal.bytes_used() > max_bytes;
  t.commit();
  tell(config, taken, still_over, stats);
  return gone + taken.rows >= static_cast<int64_t>(kRows);
}

}  // namespace sluice::daemon
