#include "ctld/sluiced/events.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/event/job.h"
#include "common/event/types.h"

namespace sluice::daemon {
namespace {

bool failed(const Json& job) {
  Json state = job.get("job_state").at(0);
  if (state.is_string()) return state.str() != "COMPLETED";
  // No state for this run: its exit code decides. Without one nobody knows how it ended, and who
  // waits for failures is rather told once too often.
  return job.get("exit_code").get("status").str() != "SUCCESS";
}

Json parse_or_null(const std::string& text) {
  auto json = Json::parse(text);
  return json ? *json : Json();
}

std::vector<std::string> selections(const std::vector<journal::Run>& siblings,
                                    const journal::Run* run) {
  std::vector<std::string> out;
  if (run != nullptr) out.push_back(run->selection);
  for (const auto& s : siblings) out.push_back(s.selection);
  return out;
}

std::string step_suffix(const std::string& part) {
  return part.empty() ? "" : "/" + part;
}

}  // namespace

std::string Events::id(const Draft& d, const journal::Run* run) const {
  if (!d.raw_id.empty()) return event::id_of({cluster_, d.type, d.raw_id});
  if (run == nullptr) return event::id_of({cluster_, d.type, d.part});
  // The restart count as well: a job put back and started again in one second has one start time.
  std::string key = run->start > 0 ? std::to_string(run->start) + "." + std::to_string(run->restart)
                                   : "submitted " + std::to_string(run->submit);
  return event::id_of({cluster_, std::to_string(run->job_id), key, d.type, d.part});
}

bool Events::add(const Draft& d, const journal::Run* run) {
  Json job = d.job;
  Json env = d.env;
  if (run != nullptr) {
    if (job.is_null()) job = parse_or_null(run->job);
    if (env.is_null()) env = parse_or_null(run->env);
  }
  journal::NewEvent e;
  e.id = id(d, run);
  e.type = d.type;
  e.time_us = d.time_us > 0 ? d.time_us : clock::wall_us();
  e.subject = run != nullptr   ? event::subject_of(job) + step_suffix(d.part)
              : d.node.empty() ? "cluster"
                               : "node/" + d.node;
  e.lane = run != nullptr ? std::to_string(run->job_id) : d.node.empty() ? e.id : e.subject;
  e.user = run != nullptr ? run->user : "";
  e.uid = run != nullptr ? run->uid : 0;
  e.job_id = run != nullptr ? run->job_id : 0;

  Json data = d.more.is_null() ? Json::object() : d.more;
  if (run != nullptr) {
    data.set("job", job);
    data.set("env", env);
  }
  if (d.reconciled) data.set("reconciled", Json::of(true));
  Json body = Json::object();
  body.set("specversion", Json::of("1.0"));
  body.set("id", Json::of(e.id));
  body.set("source", Json::of("/slurm/" + cluster_));
  body.set("type", Json::of(e.type));
  body.set("subject", Json::of(e.subject));
  body.set("time", Json::of(clock::rfc3339(e.time_us)));
  body.set("datacontenttype", Json::of("application/json"));
  body.set("data", data);
  e.body = body.dump();

  std::vector<journal::Run> siblings;
  if (run != nullptr) siblings = journal_.het_siblings(*run);
  Routed routed = router_->route(body, run, selections(siblings, run),
                                 event::selection_bits(e.type, failed(job)));
  int64_t seq = 0;
  if (!journal_.add_event(e, routed.sinks, &seq)) {
    ++stats_.repeats;
    return false;
  }
  ++stats_.events;
  if (d.reconciled) ++stats_.reconciled;
  if (!routed.refused.empty() && run != nullptr) refuse(routed.refused, seq, *run);
  return true;
}

void Events::share_selection(const journal::Run& run) {
  if (run.het == 0 || run.selection.empty()) return;
  for (const auto& sibling : journal_.het_siblings(run))
    if (sibling.selection != run.selection)
      send_back(sibling, {sibling.selection}, {sibling.selection, run.selection});
}

void Events::send_back(const journal::Run& run, const std::vector<std::string>& before,
                       const std::vector<std::string>& after) {
  journal::EventFilter filter;
  filter.job_id = run.job_id;
  filter.uid = run.uid;  // ids are reused, by others too
  int64_t began = run.start > 0 ? run.start : run.submit;
  filter.since_us = began * 1'000'000;
  for (const auto& later : journal_.runs_of(run.job_id))  // newest first
    if (later.start > began) filter.before_us = later.start * 1'000'000;
  for (;;) {
    auto rows = journal_.events(filter);
    for (const auto& row : rows) queue_back(row, run, before, after);
    if (rows.size() < filter.limit) return;
    filter.after_seq = rows.back().event.seq;
  }
}

void Events::queue_back(const journal::TailEvent& row, const journal::Run& run,
                        const std::vector<std::string>& before,
                        const std::vector<std::string>& after) {
  auto body = Json::parse(row.event.body);
  if (!body) return;
  uint32_t bits = event::selection_bits(row.event.type, failed(body->get("data").get("job")));
  auto had = router_->route(*body, &run, before, bits).sinks;
  for (const auto& sink : router_->route(*body, &run, after, bits).sinks)
    if (std::ranges::find(had, sink) == had.end()) {
      journal_.queue_event(sink, row.event.seq);
      took_back_ = true;
    }
}

// The user's wish is not silently dropped: the event lies among the dead letters with the reason,
// and one event a run and sink says so.
void Events::refuse(const std::vector<Refusal>& refused, int64_t seq, const journal::Run& run) {
  for (const auto& r : refused) {
    ++stats_.refused;
    journal_.refuse(r.sink.empty() ? "(none)" : r.sink, seq, r.reason);
    Json more = Json::object();
    more.set("sink", Json::of(text::printable(r.sink)));
    more.set("reason", Json::of(text::printable(r.reason, 400)));
    Draft draft;
    draft.type = event::kSinkRefused;
    draft.part = r.sink;
    draft.more = more;
    add(draft, &run);
  }
}

}  // namespace sluice::daemon
