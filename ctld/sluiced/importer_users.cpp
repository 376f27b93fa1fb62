// The importer asks the name service ahead, because it may be slow and inside a transaction
// everybody else waits for their turn.
#include <set>
#include <string>

#include "ctld/sluiced/groups.h"
#include "ctld/sluiced/importer.h"

namespace sluice::daemon {

void Importer::look_up_users(size_t n) {
  std::set<std::string> users;
  bool groups = events_.asks_for_groups();
  for (size_t i = 0; i < n; ++i) {
    const auto& r = ready_[i].record;
    const slurm::JobInfo* info = ready_[i].answer.job();
    // A run that only its node knows is named after this.
    int64_t uid = r.number("@uid");
    bool asked = ready_[i].answer.status != Answer::Status::not_asked;
    if (asked && info == nullptr && uid >= 0)
      users.insert(slurm::user_name(static_cast<uint32_t>(uid)));
    if (!groups || r.job_id() == 0) continue;
    users.insert(info != nullptr ? info->user : r.get("SLURM_JOB_USER"));
    for (const auto& run : journal_.runs_of(r.job_id())) users.insert(run.user);
  }
  if (groups)
    for (const auto& user : users) look_up_groups(user);
}

void Importer::look_up_users_of_sweep() {
  if (!events_.asks_for_groups()) return;
  std::set<std::string> users;
  for (const auto& job : sweep_->jobs) users.insert(job.user);
  for (const auto& user : journal_.users_of_open_runs()) users.insert(user);
  for (const auto& user : users) look_up_groups(user);
}

}  // namespace sluice::daemon
