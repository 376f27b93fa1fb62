// What nodes and the users on them tell of a job: launch, exit, steps, user.* events.
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/event/types.h"
#include "ctld/sluiced/import.h"
#include "ctld/sluiced/runs.h"

namespace sluice::daemon {

using inbox::RawRecord;
using journal::Run;

const char* node_type(const std::string& kind) {
  if (kind == "launch") return event::kJobLaunch;
  if (kind == "exit") return event::kJobExit;
  if (kind == "step_start") return event::kStepStart;
  if (kind == "step_end") return event::kStepEnd;
  return nullptr;
}

void Import::node(const RawRecord& r, const Answer& answer) {
  auto found = run_of_node(journal_, r, answer);
  if (!found) return;  // needs_answer() asked first, so this cannot be
  Run& run = found->run;
  bool late = run.selection.empty() && !r.get("@selection").empty();
  if (late) {
    run.selection = text::to_utf8(r.get("@selection"));
    journal_.save_run(run);
  }
  if (found->fresh)
    missed_start(run);
  else if (late)
    events_.late_selection(run);
  Events::Draft d;
  d.type = node_type(r.kind);
  std::string node = text::to_utf8(r.get("@node"));
  bool step = r.kind.starts_with("step");
  d.part = step ? std::to_string(r.number("@step_id", 0)) + "/" + node : node;
  d.time_us = r.wall_us;
  Json more = Json::object();
  more.set("node", Json::of(node));
  if (step) {
    more.set("step_id", Json::of(r.number("@step_id", 0)));
    if (r.number("@tasks") >= 0) more.set("tasks", Json::of(r.number("@tasks")));
  }
  if (r.number("@exit_code") >= 0) more.set("exit_code", Json::of(r.number("@exit_code")));
  if (r.number("@signal") > 0) {
    more.set("signal", Json::of(r.number("@signal")));
    more.set("core_dumped", Json::of(r.number("@core_dumped", 0) != 0));
  }
  d.more = more;
  events_.add(d, &run);
}

void Import::user(const RawRecord& r, const Answer& answer) {
  Events::Draft d;
  d.type = r.get("@type");
  // The node has looked at it, but a node's root can send what it likes.
  if (!event::is_user_type(d.type)) {
    ++stats_.refused;
    refused_ = "type " + text::printable(d.type) + ": must be user.NAME";
    log::once(log::Level::warning, "import:forged-type",
              "event from node " + text::printable(r.get("@node")) + " refused: " + refused_);
    return;
  }
  d.raw_id = r.id;
  d.time_us = r.wall_us;
  Json more = Json::object();
  auto value = Json::parse(r.get("@data"));
  more.set("value", value ? *value : Json());
  more.set("user", Json::of(text::to_utf8(r.get("@user"))));
  d.more = more;
  if (r.job_id() == 0) {
    events_.add(d, nullptr);
    return;
  }
  // A run is not made up on a user's word.
  bool known = run_of_node(journal_, r, Answer{}) || answer.status == Answer::Status::found;
  auto found = known ? run_of_node(journal_, r, answer) : std::nullopt;
  if (!found && answer.status == Answer::Status::unreachable) {
    undecided_ = "slurmctld does not answer whether it knows job " + std::to_string(r.job_id());
    return;
  }
  if (!found) {
    refused_ = "slurmctld knows no job " + std::to_string(r.job_id());
    return;
  }
  auto uid = static_cast<uint32_t>(r.number("@uid", -1));
  if (uid != 0 && uid != found->run.uid) {
    ++stats_.refused;
    refused_ = "job " + std::to_string(r.job_id()) + " is user " + std::to_string(found->run.uid) +
               "'s: user " + std::to_string(uid) + " may not emit for it";
    log::once(log::Level::warning, "import:foreign-emit", "emit refused: " + refused_);
    return;
  }
  if (found->fresh) missed_start(found->run);
  events_.add(d, &found->run);
}

}  // namespace sluice::daemon
