// What the importer does with a sweep, between its batches of records.
#include <cstdlib>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "ctld/sluiced/groups.h"
#include "ctld/sluiced/importer.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kStepUs = 1'000'000;  // a clock set by more than that has stepped

bool stepped(const Sweep& sweep) {
  return std::abs((clock::wall_us() - clock::mono_us()) - (sweep.asked_us - sweep.asked_mono_us)) >
         kStepUs;
}

}  // namespace

// Has another controller been in charge for so long that slurmctld may have forgotten what the
// sluiced there has told?
bool Importer::was_elsewhere(const Sweep& sweep) {
  if (sweep.controllers < 2 || sweep.min_job_age == 0) return false;
  int64_t last = 0;
  text::parse_int(journal_.meta("swept_us"), 0, INT64_MAX, &last);
  return sweep.asked_us - last > sweep.min_job_age * 1'000'000;
}

void Importer::reconcile() {
  if (more_files_) return;  // hooks come first: they know more
  if (clock::mono_ms() < commit_retry_ms_) return;
  int64_t before = stats_.reconciled;
  if (stepped(*sweep_)) {
    // Which runs are younger than the question cannot be told: it is put again.
    sweep_.reset();
    hooks_.sweep_incomplete();
    hooks_.sweep_wanted();
    return;
  }
  if (events_.asks_for_groups())
    for (const auto& job : sweep_->jobs) look_up_groups(job.user);
  sweep_->told_elsewhere = was_elsewhere(*sweep_);
  sweep_->forgotten_before = clock::wall_us() / 1'000'000 - config_->retain_hours * 3600;
  if (sweep_->changed) {
    auto t = std::make_unique<journal::Transaction>(journal_.db());
    auto commit = [&t] {
      t->commit();
      t.reset();  // gives the others their turn
    };
    bool whole = daemon::reconcile(
        *sweep_, journal_, import_, [this](uint32_t job_id) { return waiting_.holds(job_id); },
        [&] {
          commit();
          t = std::make_unique<journal::Transaction>(journal_.db());
        });
    commit();
    fault::point("reconcile.committed");
    // Else an unchanged answer would leave what was passed over as it is.
    if (!whole) hooks_.sweep_incomplete();
  }
  {
    journal::Transaction t(journal_.db());
    journal_.set_meta("swept_us", std::to_string(sweep_->asked_us));
    t.commit();
  }
  stats_.journal_up = true;
  log::clear("journal", "the journal can be written again");
  // Only now: had the journal failed, this sweep would be compared again.
  auto sweep = std::move(sweep_);
  if (stats_.reconciled > before) hooks_.journaled();
  stats_.last_sweep_us = sweep->asked_us;
}

}  // namespace sluice::daemon
