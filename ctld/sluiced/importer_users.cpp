// The importer asks the name service ahead, because it may be slow and inside a transaction
// everybody else waits for their turn.
#include <set>
#include <string>

#include "common/base/clock.h"
#include "ctld/sluiced/importer.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kBudgetMs = 1'000;  // of one pass; what is left is asked in the next
constexpr int64_t kPatienceS = 8;     // with a name service that fails for a user
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

// The names of users that only their node tells of. False: of one of them it is not known yet.
bool look_up_names(const std::set<uint32_t>& uids) {
  Pass pass;
  bool known = true;
  for (uint32_t uid : uids) {
    if (pass.goes_on()) slurm::user_name(uid, kNameAgeS);
    auto user = slurm::remembered_user(uid);
    known = known && user.asked && (user.failing_s == 0 || user.failing_s > kPatienceS);
  }
  return known;
}

}  // namespace

bool Importer::look_up_users(size_t n) {
  std::set<std::string> users;
  std::set<uint32_t> uids;
  bool groups = events_.asks_for_groups();
  for (size_t i = 0; i < n; ++i) {
    const auto& r = ready_[i].record;
    const slurm::JobInfo* info = ready_[i].answer.job();
    bool hook = from_slurmctld(r);
    // A run that only its node knows is named after this.
    int64_t uid = r.number("@uid");
    if (!hook && uid >= 0 && ready_[i].answer.status != Answer::Status::not_asked)
      uids.insert(static_cast<uint32_t>(uid));
    if (!groups || r.job_id() == 0) continue;
    if (info != nullptr)
      users.insert(info->user);
    else if (hook)  // what a node's record says of it is its user's word
      users.insert(r.get("SLURM_JOB_USER"));
    for (const auto& run : journal_.runs_of(r.job_id())) users.insert(run.user);
  }
  if (!look_up_names(uids)) return false;
  for (uint32_t uid : uids) users.insert(slurm::remembered_user(uid).name);
  return !groups || Pass().look_up(users, hooks_.ask_groups);
}

bool Importer::look_up_users_of_sweep() {
  if (!events_.asks_for_groups()) return true;
  std::set<std::string> users;
  for (const auto& job : sweep_->jobs) users.insert(job.user);
  for (const auto& user : journal_.users_of_open_runs()) users.insert(user);
  return Pass().look_up(users, hooks_.ask_groups);
}

}  // namespace sluice::daemon
