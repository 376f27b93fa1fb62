#include "ctld/sluiced/retention.h"

#include <map>
#include <string>

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr size_t kRows = 2'000;  // in one transaction, so that others get their turn
constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kHourUs = 3600 * kSecondUs;

// Logged once it is committed, like the rest.
void tell_bound(const config::Config& config, const journal::Forgotten& taken, bool still_over,
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

bool retain(journal::Journal& journal, const config::Config& config, int64_t min_job_age, bool hold,
            Stats& stats) {
  int64_t now = clock::wall_us();
  int64_t max_bytes = config.max_journal_mib << 20;
  journal::Transaction t(journal.db());
  journal::Forgotten old;
  if (!hold) old = journal.prune(now - config.retain_hours * kHourUs, kRows);
  std::map<std::string, int64_t> orphans;
  std::map<std::string, int64_t> waiting;
  for (const auto& sink : journal.queue_sinks())
    if (!config.sinks.contains(sink)) {
      if (!hold) orphans[sink] = journal.bury_orphans(sink, now - kOrphanHours * kHourUs);
      waiting[sink] = journal.queue_length(sink);
    }
  journal::Forgotten taken;
  // What slurmctld may still know stays: told again, by a record or a sweep, it would come back.
  if (journal.bytes_used() > max_bytes)
    taken = journal.shrink(max_bytes, now - 3 * min_job_age * kSecondUs, kRows);
  bool still_over = journal.bytes_used() > max_bytes;
  t.commit();
  stats.expired_letters += old.letters;
  if (old.letters > 0)
    log::warning(std::to_string(old.letters) + " dead letters were removed from journal " +
                 config.journal + ", older than retain_hours=" +
                 std::to_string(config.retain_hours) + "; their events reach those sinks no more");
  for (const auto& [sink, n] : waiting)
    if (n > 0)
      log::once(log::Level::warning, "no-sink:" + sink,
                "sink " + sink + " is no longer configured and " + std::to_string(n) +
                    " events wait for it: bring it back, or each becomes a dead letter " +
                    std::to_string(kOrphanHours) + " hours after it was queued");
  for (const auto& [sink, n] : orphans)
    if (n > 0)
      log::warning("sink " + sink + " is no longer configured: " + std::to_string(n) +
                   " events that waited for it for " + std::to_string(kOrphanHours) +
                   " hours became dead letters");
  tell_bound(config, taken, still_over, stats);
  auto all = static_cast<int64_t>(kRows);
  return old.rows + taken.rows >= all || old.letters >= all;
}

}  // namespace sluice::daemon
