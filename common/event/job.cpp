#include "common/event/job.h"

#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/base/text.h"

namespace sluice::event {
namespace {

Json text_or_null(const std::string& s) {
  return s.empty() ? Json() : Json::of(text::to_utf8(s));
}

Json time_or_null(int64_t seconds) {
  return seconds > 0 ? Json::of(seconds) : Json();
}

Json number_or_null(int64_t v) {
  return v >= 0 ? Json::of(v) : Json();
}

Json value_or_null(uint32_t v) {
  return v >= slurm::kNone ? Json() : Json::of(int64_t{v});
}

}  // namespace

Json exit_code(int64_t status) {
  auto s = static_cast<int>(status);
  Json out = Json::object();
  bool signalled = WIFSIGNALED(s);
  out.set("status", Json::of(signalled ? "SIGNALED" : status == 0 ? "SUCCESS" : "ERROR"));
  out.set("return_code", signalled ? Json() : Json::of(int64_t{WEXITSTATUS(s)}));
  out.set("signal", signalled ? Json::of(int64_t{WTERMSIG(s)}) : Json());
  return out;
}

Json job_from_info(const slurm::JobInfo& j) {
  Json out = Json::object();
  out.set("job_id", Json::of(int64_t{j.job_id}));
  bool array = j.array_job_id != 0 && j.array_task_id < slurm::kNone;
  out.set("array_job_id", array ? Json::of(int64_t{j.array_job_id}) : Json());
  out.set("array_task_id", array ? Json::of(int64_t{j.array_task_id}) : Json());
  out.set("het_job_id", j.het_job_id != 0 ? Json::of(int64_t{j.het_job_id}) : Json());
  out.set("het_job_offset", j.het_job_id != 0 ? value_or_null(j.het_job_offset) : Json());
  out.set("name", text_or_null(j.name));
  out.set("user_id", Json::of(int64_t{j.uid}));
  out.set("user_name", text_or_null(j.user));
  out.set("group_id", Json::of(int64_t{j.gid}));
  out.set("account", text_or_null(j.account));
  out.set("partition", text_or_null(j.partition));
  out.set("qos", text_or_null(j.qos));
  Json states = Json::array();
  for (const auto& s : slurm::state_names(j)) states.push(Json::of(s));
  out.set("job_state", states);
  out.set("state_reason", text_or_null(j.reason));
  out.set("completing", Json::of(slurm::completing(j)));
  bool over = slurm::ended(j);
  out.set("exit_code", over ? exit_code(j.exit_code) : Json());
  out.set("derived_exit_code", over ? exit_code(j.derived_exit_code) : Json());
  out.set("nodes", text_or_null(j.nodes));
  out.set("batch_host", text_or_null(j.batch_host));
  out.set("node_count", Json::of(int64_t{j.nodes_count}));
  out.set("cpus", Json::of(int64_t{j.cpus}));
  out.set("tasks", value_or_null(j.tasks));
  out.set("tres_alloc_str", text_or_null(j.tres));
  out.set("restart_cnt", Json::of(int64_t{j.restart_count}));
  out.set("submit_time", time_or_null(j.submit_time));
  out.set("start_time", slurm::pending(j) ? Json() : time_or_null(j.start_time));
  out.set("end_time", over ? time_or_null(j.end_time) : Json());
  out.set("time_limit", value_or_null(j.time_limit));
  out.set("comment", text_or_null(j.comment));
  out.set("current_working_directory", text_or_null(j.work_dir));
  out.set("command", text_or_null(j.command));
  out.set("standard_output", text_or_null(j.std_out));
  out.set("standard_error", text_or_null(j.std_err));
  out.set("standard_input", text_or_null(j.std_in));
  return out;
}

Json job_from_record(const inbox::RawRecord& r) {
  Json out = Json::object();
  auto number = [&r](const char* own, const char* env) {
    return number_or_null(r.number(own, r.number(env)));
  };
  auto word = [&r](const char* env) { return text_or_null(r.get(env)); };
  out.set("job_id", number("@job_id", "SLURM_JOB_ID"));
  out.set("array_job_id", number("@array_job_id", "SLURM_ARRAY_JOB_ID"));
  out.set("array_task_id", number("@array_task_id", "SLURM_ARRAY_TASK_ID"));
  out.set("het_job_id", number("@het_job_id", "SLURM_HET_JOB_ID"));
  out.set("het_job_offset", number("@het_job_offset", "SLURM_HET_JOB_OFFSET"));
  out.set("name", word("SLURM_JOB_NAME"));
  out.set("user_id", number("@uid", "SLURM_JOB_UID"));
  out.set("user_name", word("SLURM_JOB_USER"));
  out.set("group_id", number("@gid", "SLURM_JOB_GID"));
  out.set("account", word("SLURM_JOB_ACCOUNT"));
  out.set("partition", word("SLURM_JOB_PARTITION"));
  out.set("qos", word("SLURM_JOB_QOS"));
  out.set("job_state", Json());
  out.set("state_reason", Json());
  out.set("completing", Json());
  out.set("exit_code", Json());
  out.set("derived_exit_code", Json());
  out.set("nodes", word("SLURM_JOB_NODELIST"));
  out.set("batch_host", Json());
  out.set("node_count", number("@node_count", "SLURM_JOB_NUM_NODES"));
  out.set("cpus", Json());
  out.set("tasks", Json());
  out.set("tres_alloc_str", Json());
  out.set("restart_cnt", number("@restart", "SLURM_JOB_RESTART_COUNT"));
  out.set("submit_time", Json());
  out.set("start_time", time_or_null(r.number("SLURM_JOB_START_TIME", 0)));
  out.set("end_time", Json());
  out.set("time_limit", Json());
  out.set("comment", word("SLURM_JOB_COMMENT"));
  out.set("current_working_directory", word("SLURM_JOB_WORK_DIR"));
  out.set("command", Json());
  out.set("standard_output", word("SLURM_JOB_STDOUT"));
  out.set("standard_error", word("SLURM_JOB_STDERR"));
  out.set("standard_input", word("SLURM_JOB_STDIN"));
  return out;
}

Json env_from_record(const inbox::RawRecord& r) {
  Json out = Json::object();
  for (const auto& [key, value] : r.fields)
    if (key.starts_with("SLURM_") && value != "(null)")
      out.set(text::to_utf8(key), Json::of(text::to_utf8(value)));
  return out;
}

Json env_from_info(const slurm::JobInfo& j) {
  Json out = Json::object();
  auto put = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out.set(key, Json::of(text::to_utf8(value)));
  };
  put("SLURM_JOB_ID", std::to_string(j.job_id));
  put("SLURM_JOBID", std::to_string(j.job_id));
  put("SLURM_JOB_NAME", j.name);
  put("SLURM_JOB_USER", j.user);
  put("SLURM_JOB_UID", std::to_string(j.uid));
  put("SLURM_JOB_GID", std::to_string(j.gid));
  put("SLURM_JOB_ACCOUNT", j.account);
  put("SLURM_JOB_PARTITION", j.partition);
  put("SLURM_JOB_NODELIST", j.nodes);
  put("SLURM_JOB_COMMENT", j.comment);
  put("SLURM_JOB_WORK_DIR", j.work_dir);
  put("SLURM_CLUSTER_NAME", j.cluster);
  put("SLURM_JOB_RESTART_COUNT", std::to_string(j.restart_count));
  if (j.array_job_id != 0 && j.array_task_id < slurm::kNone) {
    put("SLURM_ARRAY_JOB_ID", std::to_string(j.array_job_id));
    put("SLURM_ARRAY_TASK_ID", std::to_string(j.array_task_id));
  }
  if (j.het_job_id != 0) put("SLURM_HET_JOB_ID", std::to_string(j.het_job_id));
  put("SLURM_JOB_NUM_NODES", std::to_string(j.nodes_count));
  put("SLURM_JOB_STDIN", j.std_in);
  put("SLURM_JOB_STDOUT", j.std_out);
  put("SLURM_JOB_STDERR", j.std_err);
  if (slurm::ended(j)) {
    auto status = static_cast<int>(j.exit_code);
    put("SLURM_JOB_EXIT_CODE", std::to_string(status));
    put("SLURM_JOB_EXIT_CODE2", std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 0) + ":" +
                                    std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    put("SLURM_JOB_DERIVED_EC", std::to_string(j.derived_exit_code));
  }
  return out;
}

std::string subject_of(const Json& job) {
  Json task = job.get("array_task_id");
  if (task.is_int() && job.get("array_job_id").is_int())
    return "job/" + std::to_string(job.get("array_job_id").integer()) + "_" +
           std::to_string(task.integer());
  return "job/" + std::to_string(job.get("job_id").integer());
}

}  // namespace sluice::event
