// What slurmctld knows of jobs, as plain values. With jobs.cpp the only place of the core that
// sees Slurm's headers. Calls block up to Slurm's MessageTimeout (10 s by default): never call them
// from a hook, nor from a thread that must answer somebody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace sluice::slurm {

constexpr uint32_t kNone = 0xfffffffe;  // NO_VAL: no array task, no het offset, no limit given

struct JobInfo {
  uint32_t job_id = 0;
  uint32_t array_job_id = 0;
  uint32_t array_task_id = kNone;
  uint32_t het_job_id = 0;
  uint32_t het_job_offset = kNone;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t restart_count = 0;
  uint32_t state = 0;      // Slurm's job_state with its flag bits; read with the functions below
  uint32_t exit_code = 0;  // wait status
  uint32_t derived_exit_code = 0;  // wait status
  uint32_t time_limit = kNone;     // minutes
  uint32_t nodes_count = 0;
  uint32_t cpus = 0;
  uint32_t tasks = 0;
  int64_t submit_time = 0;  // seconds since 1970, 0 where not known
  int64_t start_time = 0;
  int64_t end_time = 0;
  std::string name, user, account, partition, qos, nodes, comment, admin_comment;
  std::string work_dir, std_out, std_err, std_in, command, batch_host, reason, tres, cluster;
};

bool pending(const JobInfo& job);     // not started, or requeued
bool running(const JobInfo& job);     // running, suspended, or ending but not yet ended
bool ended(const JobInfo& job);       // its state is final
bool completing(const JobInfo& job);  // resources are still being released
bool requeued(const JobInfo& job);    // on its way back to the queue
// "COMPLETED", "CANCELLED", … as slurmrestd's job_state; flags such as "COMPLETING" after it.
std::vector<std::string> state_names(const JobInfo& job);

struct JobsError {
  bool unknown_job = false;  // slurmctld answered: there is none
  std::string what;
};

// The job, or every task of an array where `job_id` is the array's own id.
std::expected<std::vector<JobInfo>, JobsError> load_job(uint32_t job_id);

// Every job slurmctld knows; empty if nothing changed since `since`. `stamp` is set to the value
// to pass next. 50,000 jobs take some 100 MiB here: for a short-lived process.
Result<std::vector<JobInfo>> load_jobs(int64_t since, int64_t* stamp);

// The user's name, asked for again when it is `max_age_s` old; the number where there is none,
// nothing for UINT32_MAX. May block in the name service. Any thread.
std::string user_name(uint32_t uid, int64_t max_age_s = 600);
struct RememberedUser {
  std::string name;  // the number where there is none, or was not asked
  bool asked = false;
  int64_t failing_s = 0;  // for how long the name service has failed for this user; 0: it does not
};
// What user_name() said last, without asking. Any thread.
RememberedUser remembered_user(uint32_t uid);

struct ClusterFacts {
  std::string cluster;
  uint32_t slurm_uid = 0;
  uint32_t min_job_age = 0;  // seconds; how long an ended job stays known
  uint32_t message_timeout = 0;
  int64_t slurmctld_timeout = 0;         // seconds until a backup takes over
  std::vector<std::string> controllers;  // host names, primary first
  std::string prep_plugins, jobcomp_type, prep_params, plugstack, plugin_dir, slurmctld_pidfile;
};

// Reads slurm.conf; once, before anything else here. `conf`: its path, or "" for Slurm's own
// choice. Slurm ends the process where there is no usable slurm.conf.
void init(const std::string& conf);
// From slurm.conf, without asking slurmctld.
ClusterFacts facts();
// True if the controller of that place in `controllers` answers; a backup that stands by does too.
// Blocks.
bool controller_answers(size_t index);

// The job a process of this host belongs to, as slurmd says; 0 if none. Blocks.
uint32_t job_of_pid(int64_t pid);

std::string header_version();  // of the headers this was built with

}  // namespace sluice::slurm
