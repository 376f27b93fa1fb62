#include "ctld/sluiced/import.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/event/job.h"
#include "common/event/types.h"
#include "ctld/sluiced/node_events.h"
#include "ctld/sluiced/runs.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;
using journal::Run;
using journal::RunState;

Json parse_or_object(const std::string& text) {
  auto json = Json::parse(text);
  return json && json->is_object() ? *json : Json::object();
}

// As a whole record of the end would have it: what the start's record said, brought up to date.
Json env_at_end(const Run& run, const slurm::JobInfo& info) {
  Json out = parse_or_object(run.env);
  for (const auto& [key, value] : event::env_from_info(info).members()) out.set(key, value);
  return out;
}

// Only a record with slurmctld's whole environment of the job has this.
bool is_whole(const RawRecord& r) {
  return r.number("SLURM_JOB_ID") > 0;
}

// True if the run, which a sweep or a node told of first, gets its --event-sink only now.
bool choose_sinks(Run* run, const RawRecord& r) {
  if (!run->selection.empty()) return false;
  run->selection = text::to_utf8(r.get("SPANK_EVENT_SINK"));
  return !run->selection.empty();
}

}  // namespace

bool Import::needs_answer(const RawRecord& r) {
  if (r.kind == "start" || r.kind == "end" || r.kind == "comp") return r.job_id() != 0;
  if (node_type(r.kind) != nullptr || r.kind == "user")
    return r.job_id() != 0 && !run_of_node(journal_, r, Answer{});
  return false;
}

void Import::record(const RawRecord& r, const Answer& answer) {
  ++stats_.imported;
  refused_.clear();
  undecided_.clear();
  if (r.kind == "gap") return gap(r);
  if (r.kind == kCloudKind) return cloud(r);
  if (r.job_id() == 0 && r.kind != "user") {
    log::once(log::Level::warning, "import:no-job",
              "record " + r.id + " of kind " + r.kind + " names no job; ignored");
    return;
  }
  if (r.kind == "start") return start(r, answer);
  if (r.kind == "end") return end(r, answer);
  if (r.kind == "comp") return comp(r, answer);
  if (r.kind == "user") return user(r, answer);
  if (node_type(r.kind) != nullptr) return node(r, answer);
  log::once(log::Level::warning, "import:kind:" + r.kind,
            "record " + r.id + " has the unknown kind " + r.kind +
                "; ignored (a newer plugin than this sluiced?)");
}

void Import::missed_start(const Run& run) {
  Events::Draft d;
  d.type = event::kJobStart;
  d.time_us = run.start * 1'000'000;
  d.reconciled = true;
  events_.add(d, &run);
}

void Import::start(const RawRecord& r, const Answer& answer) {
  Found found = run_of_hook(journal_, r, answer);
  Run& run = found.run;
  // A restart means that the run before it was put back; a jobcomp record may have said so.
  for (const Run& before : journal_.runs_of(run.job_id))
    if (before.start > 0 && before.start < run.start && before.restart == run.restart - 1) {
      requeued(before, r.wall_us);
      break;
    }
  Events::Draft d;
  d.type = event::kJobStart;
  d.time_us = r.wall_us;
  const slurm::JobInfo* info = found.info_is_this ? answer.job() : nullptr;
  // Slurm's answer over the hook's view, or the hook's alone.
  d.job = info != nullptr ? event::job_from_info(*info) : event::job_from_record(r);
  // The answer may come after the job's end; a start says what it was at the start.
  if (info != nullptr && slurm::ended(*info)) {
    for (const char* key :
         {"job_state", "state_reason", "exit_code", "derived_exit_code", "end_time", "completing"})
      d.job.set(key, Json());
  }
  if (info != nullptr && info->start_time * 1'000'000 > r.wall_us)
    d.job.set("start_time", Json::of(run.start));  // slurmctld has moved it since
  d.env = info != nullptr && !is_whole(r) ? event::env_from_info(*info) : event::env_from_record(r);
  bool late = choose_sinks(&run, r) && !found.fresh;
  run.job = d.job.dump();
  run.env = d.env.dump();
  journal_.save_run(run);
  if (late) events_.late_selection(run);
  if (events_.add(d, &run)) events_.share_selection(run);
}

void Import::end(const RawRecord& r, const Answer& answer) {
  Found found = run_of_hook(journal_, r, answer);
  bool late = choose_sinks(&found.run, r);
  if (found.fresh)
    missed_start(found.run);
  else if (late)
    events_.late_selection(found.run);
  // Not merely waiting: that may be another job by now, under this id.
  const slurm::JobInfo* now = answer.job();
  bool put_back = now != nullptr && now->restart_count > found.run.restart;
  RawRecord record = r;
  // The environment says 0 of a run that was killed as well.
  if (put_back && r.number("SLURM_JOB_EXIT_CODE") == 0) {
    record.fields.erase("SLURM_JOB_EXIT_CODE");
    record.fields.erase("SLURM_JOB_EXIT_CODE2");
  }
  ended(found.run, found.info_is_this ? now : nullptr, &record);
  if (put_back) requeued(found.run, r.wall_us);
}

void Import::ended(Run run, const slurm::JobInfo* info, const RawRecord* r) {
  Events::Draft d;
  d.type = event::kJobEnd;
  d.time_us = r != nullptr                            ? r->wall_us
              : info != nullptr && info->end_time > 0 ? info->end_time * 1'000'000
                                                      : clock::wall_us();
  d.reconciled = r == nullptr;
  if (info != nullptr) {
    d.job = event::job_from_info(*info);
  } else {
    // What was known at the start stands; how this run ended only the hook can say.
    d.job = parse_or_object(run.job);
    for (const char* key :
         {"job_state", "state_reason", "end_time", "exit_code", "derived_exit_code"})
      d.job.set(key, Json());
    // The hook runs while resources are being released.
    d.job.set("completing", r != nullptr ? Json::of(true) : Json());
    if (r != nullptr && r->number("SLURM_JOB_EXIT_CODE") >= 0) {
      d.job.set("exit_code", event::exit_code(r->number("SLURM_JOB_EXIT_CODE")));
      if (r->number("SLURM_JOB_DERIVED_EC") >= 0)
        d.job.set("derived_exit_code", event::exit_code(r->number("SLURM_JOB_DERIVED_EC")));
    }
  }
  if (r != nullptr && is_whole(*r))
    d.env = event::env_from_record(*r);
  else if (info != nullptr)
    d.env = env_at_end(run, *info);
  run.state = RunState::ended;
  run.seen_us = clock::wall_us();  // retention counts from the end, not from the start
  run.job = d.job.dump();
  journal_.save_run(run);
  events_.add(d, &run);
}

void Import::requeued(const Run& run, int64_t time_us) {
  Events::Draft d;
  d.type = event::kJobRequeue;
  d.time_us = time_us;
  events_.add(d, &run);
}

void Import::comp(const RawRecord& r, const Answer& answer) {
  const slurm::JobInfo* info = answer.job();
  bool over = info == nullptr || (slurm::ended(*info) && !slurm::requeued(*info));
  // A short record is of a job that PrEp has seen starting.
  bool started = !is_whole(r) || !r.get("SLURM_JOB_NODELIST").empty();
  if (!started) {
    if (over) cancelled(info, &r);
    return;
  }
  bool again = info != nullptr && (slurm::requeued(*info) || slurm::pending(*info));
  if (!again) return;  // the end hook tells the rest
  int64_t restart = r.number("SLURM_JOB_RESTART_COUNT");
  for (const Run& run : journal_.runs_of(r.job_id()))  // newest first
    if (run.start > 0 && run.start <= r.wall_us / 1'000'000 + 1 &&
        (restart < 0 || run.restart == restart))
      return requeued(run, r.wall_us);
}

void Import::cancelled(const slurm::JobInfo* info, const RawRecord* r) {
  Run run;
  run.state = RunState::cancelled;
  run.job_id = r != nullptr ? r->job_id() : info->job_id;
  Events::Draft d;
  d.type = event::kJobCancelled;
  d.reconciled = r == nullptr;
  if (r != nullptr) {
    run.selection = text::to_utf8(r->get("SPANK_EVENT_SINK"));
    run.user = text::to_utf8(r->get("SLURM_JOB_USER"));
    run.account = text::to_utf8(r->get("SLURM_JOB_ACCOUNT"));
    run.partition = text::to_utf8(r->get("SLURM_JOB_PARTITION"));
    run.name = text::to_utf8(r->get("SLURM_JOB_NAME"));
    run.uid = static_cast<uint32_t>(r->number("SLURM_JOB_UID", UINT32_MAX));
    run.het = static_cast<uint32_t>(r->number("SLURM_HET_JOB_ID", 0));
    run.submit = r->wall_us / 1'000'000;  // unless Slurm says better below
    run.provisional = info == nullptr;
    d.time_us = r->wall_us;
    d.job = event::job_from_record(*r);
    d.env = event::env_from_record(*r);
  }
  if (info != nullptr) {
    run.submit = info->submit_time;
    run.restart = info->restart_count;
    run.uid = info->uid;
    run.het = info->het_job_id;
    run.name = text::to_utf8(info->name);
    run.user = info->user;
    run.account = info->account;
    run.partition = info->partition;
    d.job = event::job_from_info(*info);
    d.job.set("start_time", Json());  // slurmctld shows the cancel's time there
    if (r == nullptr) d.time_us = info->end_time * 1'000'000;
    if (r == nullptr) d.env = event::env_from_info(*info);
    // Of a job that was put back before, its start has told the sinks. Ids are reused: its own run
    // is the newest.
    for (const Run& before : journal_.runs_of(run.job_id)) {
      if (before.uid != run.uid || before.restart != run.restart - 1) continue;
      if (run.selection.empty()) run.selection = before.selection;
      break;
    }
  }
  int64_t when = info != nullptr ? info->end_time : run.submit;
  if (journal_.cancelled_known(run.job_id, run.submit, when)) {
    ++stats_.repeats;
    return;
  }
  run.job = d.job.dump();
  run.env = d.env.dump();
  journal_.add_run(&run);
  if (events_.add(d, &run)) events_.share_selection(run);
}

void Import::gap(const RawRecord& r) {
  ++stats_.gaps;
  stats_.dropped += r.number("@dropped", 0);
  Events::Draft d;
  d.type = event::kGap;
  d.raw_id = r.id;
  d.time_us = r.wall_us;
  Json more = Json::object();
  more.set("dropped", Json::of(r.number("@dropped", 0)));
  if (r.number("@absent_s") > 0) more.set("absent_s", Json::of(r.number("@absent_s")));
  d.more = more;
  events_.add(d, nullptr);
}

void Import::cloud(const RawRecord& r) {
  Events::Draft d;
  d.type = r.get("@type");
  d.raw_id = r.id;
  d.node = r.get("@node");
  d.time_us = r.wall_us;
  d.more = parse_or_object(r.get("@data"));
  events_.add(d, nullptr);
}

void Import::told_elsewhere(Run run) {
  log::once(log::Level::info, "told-elsewhere",
            "job " + std::to_string(run.job_id) +
                " and others ended while another controller was in charge, as it seems from how "
                "long this one was not: its sluiced told their ends");
  run.state = RunState::ended;
  run.seen_us = clock::wall_us();
  journal_.save_run(run);
}

void Import::lost(Run run) {
  Events::Draft d;
  d.type = event::kJobLost;
  d.reconciled = true;
  d.job = parse_or_object(run.job);
  for (const char* key :
       {"job_state", "state_reason", "exit_code", "derived_exit_code", "end_time", "completing"})
    d.job.set(key, Json());
  run.state = RunState::lost;
  run.seen_us = clock::wall_us();
  journal_.save_run(run);
  events_.add(d, &run);
}

}  // namespace sluice::daemon
