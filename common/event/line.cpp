// A JobInfo as one line of JSON, from the short-lived process that asked slurmctld for every job.
#include "common/base/text.h"
#include "common/event/job.h"

namespace sluice::event {
namespace {

// One list of fields for both directions, so that they cannot drift apart.
template <class Info, class Visit>
void each_number(Info& j, Visit visit) {
  visit("id", j.job_id), visit("aj", j.array_job_id), visit("at", j.array_task_id);
  visit("hj", j.het_job_id), visit("ho", j.het_job_offset), visit("u", j.uid), visit("g", j.gid);
  visit("r", j.restart_count), visit("st", j.state), visit("ec", j.exit_code);
  visit("de", j.derived_exit_code), visit("tl", j.time_limit), visit("nc", j.nodes_count);
  visit("c", j.cpus), visit("t", j.tasks), visit("sub", j.submit_time), visit("sta", j.start_time);
  visit("end", j.end_time);
}

template <class Info, class Visit>
void each_text(Info& j, Visit visit) {
  visit("name", j.name), visit("user", j.user), visit("acc", j.account);
  visit("part", j.partition), visit("qos", j.qos), visit("nodes", j.nodes);
  visit("com", j.comment), visit("acom", j.admin_comment), visit("wd", j.work_dir);
  visit("out", j.std_out), visit("err", j.std_err), visit("in", j.std_in);
  visit("cmd", j.command), visit("bh", j.batch_host), visit("why", j.reason);
  visit("tres", j.tres), visit("cl", j.cluster);
}

}  // namespace

std::string to_line(const slurm::JobInfo& info) {
  Json out = Json::object();
  each_number(info, [&out](const char* key, auto v) { out.set(key, Json::of(int64_t{v})); });
  each_text(info, [&out](const char* key, const std::string& v) {
    if (!v.empty()) out.set(key, Json::of(text::to_utf8(v)));
  });
  return out.dump();
}

Result<slurm::JobInfo> from_line(std::string_view line) {
  auto json = Json::parse(line);
  if (!json) return std::unexpected(json.error());
  slurm::JobInfo info;
  each_number(info, [&](const char* key, auto& v) {
    v = static_cast<std::remove_reference_t<decltype(v)>>(json->get(key).integer());
  });
  each_text(info, [&](const char* key, std::string& v) { v = json->get(key).str(); });
  return info;
}

}  // namespace sluice::event
