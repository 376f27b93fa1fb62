#include "common/slurm/jobs.h"

#include <pwd.h>

#include <map>
#include <memory>
#include <mutex>

#include "common/base/clock.h"
#include "common/base/entry.h"

extern "C" {
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>

// Exported by libslurm, under one name or the other, and not declared in its header.
extern char* slurm_job_reason_string(int reason) __attribute__((weak));
extern char* slurm_job_state_reason_string(int reason) __attribute__((weak));
// What slurm_init read from slurm.conf; exported as well.
extern slurm_conf_t slurm_conf;
}

namespace sluice::slurm {
namespace {

struct KnownUser {
  int64_t asked_s = 0;
  int64_t failing_s = 0;  // since when the name service fails for it; 0: it does not
  std::string name;
};
std::mutex users_mutex;
std::map<uint32_t, KnownUser> users;

// After a failure it is tried again soon, and less often when that goes on.
int64_t good_for(const KnownUser& user, int64_t max_age_s) {
  if (user.failing_s == 0) return max_age_s;
  return user.asked_s - user.failing_s > 8 ? 60 : 2;
}

}  // namespace

std::string user_name(uint32_t uid, int64_t max_age_s) {
  if (uid == UINT32_MAX) return {};  // nobody
  int64_t now = clock::mono_ms() / 1000;
  {
    std::lock_guard lock(users_mutex);
    auto it = users.find(uid);
    if (it != users.end() && now - it->second.asked_s < good_for(it->second, max_age_s))
      return it->second.name;
  }
  std::string buffer;
  passwd pw{};
  passwd* found = nullptr;
  int rc = with_room(&buffer,
                     [&](char* at, size_t size) { return getpwuid_r(uid, &pw, at, size, &found); });
  std::lock_guard lock(users_mutex);
  KnownUser& user = users[uid];
  user.asked_s = clock::mono_ms() / 1000;
  if (rc == 0)
    user.failing_s = 0;
  else if (user.failing_s == 0)
    user.failing_s = user.asked_s;
  if (found != nullptr && rc == 0)
    user.name = found->pw_name;
  else if (rc == 0 || user.name.empty())
    user.name = std::to_string(uid);
  return user.name;
}

RememberedUser remembered_user(uint32_t uid) {
  if (uid == UINT32_MAX) return {"", true, 0};
  std::lock_guard lock(users_mutex);
  auto it = users.find(uid);
  if (it == users.end()) return {std::to_string(uid), false, 0};
  const KnownUser& user = it->second;
  return {user.name, true, user.failing_s == 0 ? 0 : clock::mono_ms() / 1000 - user.failing_s + 1};
}

namespace {

std::string str(const char* s) {
  return s == nullptr ? std::string() : std::string(s);
}

JobInfo convert(const slurm_job_info_t& j) {
  JobInfo out;
  out.job_id = j.job_id;
  out.array_job_id = j.array_job_id;
  out.array_task_id = j.array_task_id;
  out.het_job_id = j.het_job_id;
  out.het_job_offset = j.het_job_offset;
  out.uid = j.user_id;
  out.gid = j.group_id;
  out.restart_count = j.restart_cnt;
  out.state = j.job_state;
  out.exit_code = j.exit_code;
  out.derived_exit_code = j.derived_ec;
  out.time_limit = j.time_limit;
  out.nodes_count = j.num_nodes;
  out.cpus = j.num_cpus;
  out.tasks = j.num_tasks;
  out.submit_time = j.submit_time;
  out.start_time = j.start_time;
  out.end_time = j.end_time;
  out.name = str(j.name);
  out.user = j.user_name != nullptr && j.user_name[0] != '\0' ? j.user_name : user_name(j.user_id);
  out.account = str(j.account);
  out.partition = str(j.partition);
  out.qos = str(j.qos);
  out.nodes = str(j.nodes);
  out.comment = str(j.comment);
  out.admin_comment = str(j.admin_comment);
  out.work_dir = str(j.work_dir);
  out.std_out = str(j.std_out);
  out.std_err = str(j.std_err);
  out.std_in = str(j.std_in);
  out.command = str(j.command);
  out.batch_host = str(j.batch_host);
  out.tres = str(j.tres_alloc_str);
  out.cluster = str(j.cluster != nullptr ? j.cluster : slurm_conf.cluster_name);
  auto* reason_string =
      slurm_job_reason_string != nullptr ? slurm_job_reason_string : slurm_job_state_reason_string;
  if (reason_string != nullptr) out.reason = str(reason_string(static_cast<int>(j.state_reason)));
  return out;
}

struct FreeJobs {
  void operator()(job_info_msg_t* m) const { slurm_free_job_info_msg(m); }
};
using JobsMsg = std::unique_ptr<job_info_msg_t, FreeJobs>;

std::vector<JobInfo> convert_all(const job_info_msg_t& msg) {
  std::vector<JobInfo> out;
  out.reserve(msg.record_count);
  for (uint32_t i = 0; i < msg.record_count; ++i) out.push_back(convert(msg.job_array[i]));
  return out;
}

int load_one(job_info_msg_t** msg, uint32_t job_id) {
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
  slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
  id.job_id = job_id;
  return slurm_load_job(msg, id, SHOW_DETAIL | SHOW_ALL);
#else
  return slurm_load_job(msg, job_id, SHOW_DETAIL | SHOW_ALL);
#endif
}

uint32_t base(const JobInfo& job) {
  return job.state & JOB_STATE_BASE;
}

const char* base_name(uint32_t state) {
  switch (state) {
    case JOB_PENDING:
      return "PENDING";
    case JOB_RUNNING:
      return "RUNNING";
    case JOB_SUSPENDED:
      return "SUSPENDED";
    case JOB_COMPLETE:
      return "COMPLETED";
    case JOB_CANCELLED:
      return "CANCELLED";
    case JOB_FAILED:
      return "FAILED";
    case JOB_TIMEOUT:
      return "TIMEOUT";
    case JOB_NODE_FAIL:
      return "NODE_FAIL";
    case JOB_PREEMPTED:
      return "PREEMPTED";
    case JOB_BOOT_FAIL:
      return "BOOT_FAIL";
    case JOB_DEADLINE:
      return "DEADLINE";
    case JOB_OOM:
      return "OUT_OF_MEMORY";
    default:
      return "UNKNOWN";
  }
}

}  // namespace

bool pending(const JobInfo& job) {
  return base(job) == JOB_PENDING;
}
bool running(const JobInfo& job) {
  return base(job) == JOB_RUNNING || base(job) == JOB_SUSPENDED;
}
bool ended(const JobInfo& job) {
  return base(job) > JOB_SUSPENDED;
}
bool completing(const JobInfo& job) {
  return (job.state & JOB_COMPLETING) != 0;
}
bool requeued(const JobInfo& job) {
  return (job.state & (JOB_REQUEUE | JOB_REQUEUE_HOLD | JOB_SPECIAL_EXIT)) != 0 ||
         (pending(job) && completing(job));
}

std::vector<std::string> state_names(const JobInfo& job) {
  std::vector<std::string> out{base_name(base(job))};
  for (auto [bit, name] : {std::pair<uint32_t, const char*>{JOB_COMPLETING, "COMPLETING"},
                           {JOB_CONFIGURING, "CONFIGURING"},
                           {JOB_REQUEUE, "REQUEUED"},
                           {JOB_REQUEUE_HOLD, "REQUEUE_HOLD"},
                           {JOB_SPECIAL_EXIT, "SPECIAL_EXIT"},
                           {JOB_RESIZING, "RESIZING"},
                           {JOB_STOPPED, "STOPPED"},
                           {JOB_SIGNALING, "SIGNALING"},
                           {JOB_STAGE_OUT, "STAGE_OUT"}})
    if ((job.state & bit) != 0) out.emplace_back(name);
  return out;
}

std::expected<std::vector<JobInfo>, JobsError> load_job(uint32_t job_id) {
  job_info_msg_t* raw = nullptr;
  int rc = load_one(&raw, job_id);
  int err = errno;
  JobsMsg msg(raw);
  if (rc != SLURM_SUCCESS || msg == nullptr)
    return std::unexpected(
        JobsError{err == ESLURM_INVALID_JOB_ID,
                  "slurm_load_job(" + std::to_string(job_id) + "): " + slurm_strerror(err)});
  return convert_all(*msg);
}

Result<std::vector<JobInfo>> load_jobs(int64_t since, int64_t* stamp) {
  job_info_msg_t* raw = nullptr;
  int rc = slurm_load_jobs(since, &raw, SHOW_ALL);
  int err = errno;
  JobsMsg msg(raw);
  if (rc != SLURM_SUCCESS && err == SLURM_NO_CHANGE_IN_DATA) return std::vector<JobInfo>{};
  if (rc != SLURM_SUCCESS || msg == nullptr)
    return fail(std::string("slurm_load_jobs: ") + slurm_strerror(err));
  *stamp = msg->last_update;
  return convert_all(*msg);
}

void init(const std::string& conf) {
  slurm_init(conf.empty() ? nullptr : conf.c_str());
}

ClusterFacts facts() {
  ClusterFacts out;
  out.cluster = str(slurm_conf.cluster_name);
  out.slurm_uid = slurm_conf.slurm_user_id;
  out.min_job_age = slurm_conf.min_job_age;
  out.message_timeout = slurm_conf.msg_timeout;
  out.slurmctld_timeout = slurm_conf.slurmctld_timeout;
  for (uint32_t i = 0; i < slurm_conf.control_cnt; ++i)
    out.controllers.push_back(str(slurm_conf.control_machine[i]));
  out.prep_plugins = str(slurm_conf.prep_plugins);
  out.prep_params = str(slurm_conf.prep_params);
  out.jobcomp_type = str(slurm_conf.job_comp_type);
  out.plugstack = str(slurm_conf.plugstack);
  out.plugin_dir = str(slurm_conf.plugindir);
  out.slurmctld_pidfile = str(slurm_conf.slurmctld_pidfile);
  return out;
}

bool controller_answers(size_t index) {
  return slurm_ping(static_cast<int>(index)) == SLURM_SUCCESS;
}

uint32_t job_of_pid(int64_t pid) {
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
  slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
  return slurm_pid2jobid(static_cast<pid_t>(pid), &id) == SLURM_SUCCESS ? id.job_id : 0;
#else
  uint32_t job_id = 0;
  return slurm_pid2jobid(static_cast<pid_t>(pid), &job_id) == SLURM_SUCCESS ? job_id : 0;
#endif
}

std::string header_version() {
  return std::to_string(SLURM_VERSION_MAJOR(SLURM_VERSION_NUMBER)) + "." +
         std::to_string(SLURM_VERSION_MINOR(SLURM_VERSION_NUMBER)) + "." +
         std::to_string(SLURM_VERSION_MICRO(SLURM_VERSION_NUMBER));
}

}  // namespace sluice::slurm
