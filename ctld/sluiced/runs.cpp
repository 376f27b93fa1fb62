#include "ctld/sluiced/runs.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/event/job.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;
using journal::Journal;
using journal::Run;
using journal::RunState;
using slurm::JobInfo;

constexpr int64_t kProvisionalSlack = 5;  // s from slurmctld's start time to its hook
constexpr int64_t kNodeClockSlack = 300;  // s that a node's clock may be off

// When the hook was called, in seconds: the record is written after slurmctld has printed the job's
// environment, which a slow name service stalls.
int64_t called_at(const RawRecord& r) {
  return (r.wall_us - std::max<int64_t>(r.number("@env_us", 0), 0)) / 1'000'000;
}

Run from_info(const JobInfo& info) {
  Run run;
  run.job_id = info.job_id;
  run.start = info.start_time;
  run.submit = info.submit_time;
  run.restart = info.restart_count;
  run.uid = info.uid;
  run.het = info.het_job_id;
  run.nodes = info.nodes;
  run.user = info.user;
  run.account = info.account;
  run.partition = info.partition;
  run.name = text::to_utf8(info.name);
  run.job = event::job_from_info(info).dump();
  run.env = event::env_from_info(info).dump();
  return run;
}

// What the record itself says goes over what slurmctld answered: it saw this very run.
void fill_from_record(Run* run, const RawRecord& r) {
  auto take = [&r](std::string* to, const char* key) {
    if (std::string v = r.get(key); !v.empty()) *to = text::to_utf8(v);
  };
  run->job_id = r.job_id();
  run->uid = static_cast<uint32_t>(r.number("@uid", r.number("SLURM_JOB_UID", run->uid)));
  run->het = static_cast<uint32_t>(r.number("@het_job_id", r.number("SLURM_HET_JOB_ID", run->het)));
  take(&run->nodes, "SLURM_JOB_NODELIST");
  take(&run->user, "SLURM_JOB_USER");
  take(&run->account, "SLURM_JOB_ACCOUNT");
  take(&run->partition, "SLURM_JOB_PARTITION");
  take(&run->name, "SLURM_JOB_NAME");
  take(&run->selection, "SPANK_EVENT_SINK");
  if (run->job.empty()) run->job = event::job_from_record(r).dump();
  if (run->env.empty()) run->env = event::env_from_record(r).dump();
}

// A short record does not say it.
int64_t restart_of(const RawRecord& r) {
  return r.number("@restart", r.number("SLURM_JOB_RESTART_COUNT", -1));
}

Run make(const RawRecord& r, const JobInfo* info, int64_t start, bool provisional) {
  Run run = info != nullptr ? from_info(*info) : Run{};
  // A short record of an array's task says what was so when the array's first task started.
  if (info == nullptr || r.number("SLURM_JOB_ID") > 0) fill_from_record(&run, r);
  if (run.selection.empty()) run.selection = text::to_utf8(r.get("SPANK_EVENT_SINK"));
  run.start = start;
  run.provisional = provisional;
  if (info == nullptr) run.restart = std::max<int64_t>(restart_of(r), 0);
  return run;
}

// What is not known agrees with anything.
bool same_text(const std::string& known, const std::string& seen) {
  return known.empty() || seen.empty() || known == text::to_utf8(seen);
}

bool same_restart(int64_t restart, int64_t other) {
  return restart < 0 || restart == other;
}

// Could the hook have seen this run? Ids are reused, so what is known of both must agree.
bool same_job(const Run& run, const RawRecord& r) {
  return same_text(run.nodes, r.get("SLURM_JOB_NODELIST")) &&
         same_text(run.user, r.get("SLURM_JOB_USER")) &&
         same_text(run.name, r.get("SLURM_JOB_NAME"));
}

// slurmctld moves the start time of a job to when nodes that it powered up had booted, perhaps
// before it is asked. Whoever has the id since before the hook was called is the hook's job.
bool moved_since(const RawRecord& r, const JobInfo& info) {
  return r.kind == "start" && info.start_time > called_at(r) && info.submit_time > 0 &&
         info.submit_time <= called_at(r) &&
         std::max<int64_t>(restart_of(r), 0) == info.restart_count &&  // short records do not say
         !slurm::pending(info) && same_text(info.nodes, r.get("SLURM_JOB_NODELIST")) &&
         same_text(info.user, r.get("SLURM_JOB_USER"));
}

// The start time in the answer, if the answer is about the run this hook saw; else 0.
int64_t start_in_answer(const RawRecord& r, const Answer& answer) {
  if (answer.job() == nullptr) return 0;
  const JobInfo& info = *answer.job();
  int64_t seen = r.wall_us / 1'000'000;
  int64_t restart = restart_of(r);
  // slurmctld notes the start before it calls the hook, by the same clock: a later one is another.
  if (slurm::pending(info) || info.start_time <= 0 || info.start_time > seen) return 0;
  if (restart >= 0 && info.restart_count != restart) return 0;
  // What runs after an end hook is the next run.
  if (r.kind == "end" && !slurm::ended(info)) return 0;
  return info.start_time;
}

const Run* provisional_near(const std::vector<Run>& runs, int64_t start, int64_t restart) {
  auto it = std::ranges::find_if(
      runs, [&](const Run& run) { return may_have_started(run, start, restart); });
  return it == runs.end() ? nullptr : &*it;
}

// Of `runs`, newest first, the one a node saw at `seen`: the newest that had started by then or,
// should the node's clock be behind, the first that started soon after. Ids are reused, so a newer
// run is not simply the one; nor is one that was over long before, unless `over_too`.
std::optional<Run> run_at_node(const std::vector<Run>& runs, const RawRecord& r, bool over_too) {
  std::optional<Run> after;
  int64_t seen = r.wall_us / 1'000'000;
  // The start time in a node's record comes from the user's environment: not to be trusted. The
  // restart count is Slurm's own.
  int64_t restart = r.number("@restart", -1);
  // Of `user` records @uid is who emits.
  int64_t uid = r.kind == "user" ? -1 : r.number("@uid");
  for (const Run& run : runs) {
    if (run.start <= 0 || run.start > seen + kNodeClockSlack) continue;
    if (!same_restart(restart, run.restart)) continue;
    if (uid >= 0 && run.uid != UINT32_MAX && run.uid != uid) continue;
    bool over = run.state != RunState::open && run.seen_us / 1'000'000 + kNodeClockSlack < seen;
    if (over && !over_too) continue;
    if (run.start <= seen) return run;
    after = run;
  }
  return after;
}

// slurmctld moves the start time of a running job: to when its powered-up nodes had booted. So an
// open run of the same submit, restart and nodes is this one, unless another has that very start.
const Run* moved_start(const std::vector<Run>& runs, const JobInfo& info) {
  auto it = std::ranges::find_if(runs, [&](const Run& run) { return start_moved(run, info); });
  return it == runs.end() ? nullptr : &*it;
}

// The run of a job whose start its node told first, a moment after it: it knows no nodes yet. A
// start much later is another one, of a slurmctld that was killed and has forgotten the first.
const Run* told_by_node(const std::vector<Run>& runs, const RawRecord& r, int64_t start) {
  auto it = std::ranges::find_if(runs, [&](const Run& run) {
    return run.provisional && run.state == RunState::open && run.nodes.empty() &&
           same_restart(restart_of(r), run.restart) &&
           r.number("SLURM_JOB_UID", run.uid) == run.uid && start - run.start <= 1 &&
           run.start - start <= kProvisionalSlack;
  });
  return it == runs.end() ? nullptr : &*it;
}

Found run_of_start(Journal& journal, const RawRecord& r, const Answer& answer) {
  int64_t seen = called_at(r);
  int64_t restart = restart_of(r);
  int64_t in_answer = start_in_answer(r, answer);
  int64_t start = r.number("SLURM_JOB_START_TIME", 0);  // newer Slurm says it in the hook
  if (start <= 0) start = in_answer;
  // With a start hook of its own, the later start is no moved one: a slurmctld that was killed
  // forgot the first.
  bool moved = answer.job() != nullptr && moved_since(r, *answer.job()) &&
               !journal.run_at(r.job_id(), answer.job()->start_time, answer.job()->restart_count);
  bool is_this = moved || (in_answer > 0 && in_answer == start);
  const JobInfo* info = is_this ? answer.job() : nullptr;
  if (restart < 0 && info != nullptr) restart = info->restart_count;
  auto runs = journal.runs_of(r.job_id());
  // A job that is put back and started again in one second has one start time and two runs.
  for (const Run& run : runs)
    if (run.start == (start > 0 ? start : seen) && same_restart(restart, run.restart))
      return {run, false, is_this};
  if (start > 0)
    if (const Run* near = provisional_near(runs, start, restart)) return {*near, false, is_this};
  if (const Run* told = told_by_node(runs, r, start > 0 ? start : seen)) {
    Run run = *told;
    fill_from_record(&run, r);
    if (info != nullptr) run.submit = info->submit_time;
    return {run, false, is_this};
  }
  Run run = make(r, info, start > 0 ? start : seen, start <= 0);
  journal.add_run(&run);
  return {run, true, is_this};
}

// Could this run be the one that ended? `start` is what is known of its start time, or 0.
bool may_have_ended(const Run& run, const RawRecord& r, int64_t start, const JobInfo* info) {
  int64_t restart = restart_of(r);
  // The count is already the next one if the job was put back.
  if (!same_restart(restart, run.restart) && run.restart != restart - 1) return false;
  if (run.start <= 0) return false;
  if (start <= 0) return run.start <= r.wall_us / 1'000'000 + 1 && same_job(run, r);
  return run.start == start || may_have_started(run, start, run.restart) ||
         (info != nullptr && start_moved(run, *info));
}

Found run_of_end(Journal& journal, const RawRecord& r, const Answer& answer) {
  int64_t in_answer = start_in_answer(r, answer);
  int64_t start = r.number("SLURM_JOB_START_TIME", 0);
  if (start <= 0) start = in_answer;
  const JobInfo* info = in_answer > 0 && in_answer == start ? answer.job() : nullptr;
  // Newest first; one that is open before one whose end was seen already.
  const Run* found = nullptr;
  auto runs = journal.runs_of(r.job_id());
  for (const Run& run : runs) {
    if (!may_have_ended(run, r, start, info)) continue;
    if (found == nullptr) found = &run;
    if (run.state != RunState::open) continue;
    found = &run;
    break;
  }
  if (found != nullptr)
    return {*found, false, info != nullptr && info->restart_count == found->restart};
  Run run = make(r, info, start > 0 ? start : r.wall_us / 1'000'000, start <= 0);
  journal.add_run(&run);
  return {run, true, info != nullptr};
}

}  // namespace

bool start_moved(const Run& run, const JobInfo& info) {
  // The submit time is not known where slurmctld did not answer at the start.
  bool same_submit = run.submit > 0
                         ? run.submit == info.submit_time
                         : run.provisional && info.submit_time > 0 &&
                               info.submit_time <= run.start && same_text(run.user, info.user);
  return run.state == RunState::open && same_submit && run.restart == info.restart_count &&
         (run.nodes == info.nodes || (run.provisional && run.nodes.empty())) &&
         run.start < info.start_time;
}

bool may_have_started(const Run& run, int64_t start, int64_t restart) {
  return run.provisional && run.restart == restart && start <= run.start &&
         run.start - start <= kProvisionalSlack;
}

Found run_of_hook(Journal& journal, const RawRecord& r, const Answer& answer) {
  return r.kind == "end" ? run_of_end(journal, r, answer) : run_of_start(journal, r, answer);
}

std::optional<Found> run_of_node(Journal& journal, const RawRecord& r, const Answer& answer) {
  int64_t restart = r.number("@restart", -1);
  auto runs = journal.runs_of(r.job_id());
  if (auto run = run_at_node(runs, r, false)) return Found{*run, false, false};
  if (answer.status == Answer::Status::not_asked) return std::nullopt;
  if (const JobInfo* info = answer.job();
      info != nullptr && !slurm::pending(*info) && (restart < 0 || info->restart_count == restart))
    return run_of_info(journal, *info);
  // Nobody has the id by now: a node that was cut off tells late how its job went on.
  if (auto run = run_at_node(runs, r, true)) return Found{*run, false, false};
  // slurmctld knows no such run, or does not answer: the node's word is all there is. Of that only
  // what Slurm itself put there.
  Run run;
  run.job_id = r.job_id();
  run.uid = static_cast<uint32_t>(r.number("@uid", UINT32_MAX));
  run.user = slurm::remembered_user(run.uid).name;  // asked for ahead, outside of transactions
  run.restart = std::max<int64_t>(restart, 0);
  run.start = r.wall_us / 1'000'000;
  run.provisional = true;
  inbox::RawRecord own = r;
  std::erase_if(own.fields, [](const auto& f) { return !f.first.starts_with('@'); });
  run.job = event::job_from_record(own).dump();
  run.env = event::env_from_record(r).dump();
  journal.add_run(&run);
  return Found{run, true, false};
}

Found run_of_info(Journal& journal, const JobInfo& info) {
  auto runs = journal.runs_of(info.job_id);
  for (const Run& run : runs)
    if (run.start == info.start_time && run.restart == info.restart_count)
      return {run, false, true};
  if (const Run* near = provisional_near(runs, info.start_time, info.restart_count))
    return {*near, false, true};
  if (const Run* moved = moved_start(runs, info)) return {*moved, false, true};
  Run run = from_info(info);
  journal.add_run(&run);
  return {run, true, true};
}

}  // namespace sluice::daemon
