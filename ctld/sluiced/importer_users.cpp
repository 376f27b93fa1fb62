// The importer asks the name service ahead, because it may be slow and inside a transaction
// everybody else waits for their turn.
#include <set>
#include <string>

#include "common/base/clock.h"
#include "ctld/sluiced/importer.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kBudgetMs = 1'000;  // of one pass; what is left is asked in the next
constexpr int64_t kNameAgeS = 300;    // a name asked for ahead outlives the transaction

class Pass {
 public:
  bool goes_on() const { return clock::mono_ms() < until_; }
  // False: of one of them nothing is known yet.
  bool look_up(const std::set<std::string>& users, const AskGroups& ask) const {
    bool known = true;
    for (const auto& user : users)
      known = look_up_groups(user, goes_on(), ask) != Looked::not_yet && known;
    return known;
  }

 private:
  int64_t until_ = clock::mono_ms() + kBudgetMs;
};

bool from_slurmctld(const inbox::RawRecord& r) {
  return r.kind == "start" || r.kind == "end" || r.kind == "comp";
}

}  // namespace

bool Importer::look_up_users(size_t n) {
  Pass pass;
  std::set<std::string> users;
  bool groups = events_.asks_for_groups();
  for (size_t i = 0; i < n; ++i) {
    const auto& r = ready_[i].record;
    const slurm::JobInfo* info = ready_[i].answer.job();
    // A run that only its node knows is named after this.
    int64_t uid = r.number("@uid");
    bool asked = ready_[i].answer.status != Answer::Status::not_asked;
    if (asked && info == nullptr && uid >= 0 && pass.goes_on())
      users.insert(slurm::user_name(static_cast<uint32_t>(uid), kNameAgeS));
    if (!groups || r.job_id() == 0) continue;
    if (info != nullptr)
      users.insert(info->user);
    else if (from_slurmctld(r))  // what a node's record says of it is its user's word
      users.insert(r.get("SLURM_JOB_USER"));
    for (const auto& run : journal_.runs_of(r.job_id())) users.insert(run.user);
  }
  return !groups || pass.look_up(users, hooks_.ask_groups);
}

bool Importer::look_up_users_of_sweep() {
  if (!events_.asks_for_groups()) return true;
  std::set<std::string> users;
  for (const auto& job : sweep_->jobs) users.insert(job.user);
  for (const auto& user : journal_.users_of_open_runs()) users.insert(user);
  return Pass().look_up(users, hooks_.ask_groups);
}

}  // namespace sluice::daemon
