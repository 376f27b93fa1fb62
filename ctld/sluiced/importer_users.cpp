// The importer asks the name service ahead, because it may be slow and inside a transaction
// everybody else waits for their turn.
#include <set>
#include <string>

#include "common/base/clock.h"
#include "ctld/sluiced/importer.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kBudgetMs = 1'000;     // of one pass, for users of whom something is known
constexpr int64_t kPatienceMs = 30'000;  // while the name service fails, before users are refused
constexpr int64_t kNameAgeS = 300;       // a name asked for ahead outlives the transaction

// False: of one of them nothing is known, since the name service fails.
bool look_up(const std::set<std::string>& users, const AskGroups& ask) {
  int64_t until = clock::mono_ms() + kBudgetMs;
  bool known = true;
  for (const auto& user : users)
    if (clock::mono_ms() < until || groups_of(user) == nullptr)
      known = look_up_groups(user, ask) && known;
  return known;
}

bool from_slurmctld(const inbox::RawRecord& r) {
  return r.kind == "start" || r.kind == "end" || r.kind == "comp";
}

}  // namespace

bool Importer::look_up_users(size_t n) {
  std::set<std::string> users;
  bool groups = events_.asks_for_groups();
  for (size_t i = 0; i < n; ++i) {
    const auto& r = ready_[i].record;
    const slurm::JobInfo* info = ready_[i].answer.job();
    // A run that only its node knows is named after this.
    int64_t uid = r.number("@uid");
    bool asked = ready_[i].answer.status != Answer::Status::not_asked;
    if (asked && info == nullptr && uid >= 0)
      users.insert(slurm::user_name(static_cast<uint32_t>(uid), kNameAgeS));
    if (!groups || r.job_id() == 0) continue;
    if (info != nullptr)
      users.insert(info->user);
    else if (from_slurmctld(r))  // what a node's record says of it is its user's word
      users.insert(r.get("SLURM_JOB_USER"));
    for (const auto& run : journal_.runs_of(r.job_id())) users.insert(run.user);
  }
  if (!groups || look_up(users, hooks_.ask_groups)) {
    patience_until_ms_ = 0;
    return true;
  }
  // Their events would be refused at sinks that ask for a group: rather wait a while.
  if (patience_until_ms_ == 0) patience_until_ms_ = clock::mono_ms() + kPatienceMs;
  return clock::mono_ms() >= patience_until_ms_;
}

void Importer::look_up_users_of_sweep() {
  if (!events_.asks_for_groups()) return;
  std::set<std::string> users;
  for (const auto& job : sweep_->jobs) users.insert(job.user);
  for (const auto& user : journal_.users_of_open_runs()) users.insert(user);
  look_up(users, hooks_.ask_groups);
}

}  // namespace sluice::daemon
