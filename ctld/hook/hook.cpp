#include "ctld/hook/hook.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "common/inbox/writer.h"
#include "ctld/hook/known_jobs.h"

extern "C" {
#include <slurm/slurm.h>

// slurmctld's own. Weak: the same plugin is loaded by slurmd, which has no such function.
extern char** job_common_env_vars(void* job_record, bool is_complete) __attribute__((weak));
extern slurm_conf_t slurm_conf __attribute__((weak));
extern void slurm_xfree(void** item);
extern void slurm_error(const char* format, ...) __attribute__((format(printf, 1, 2)));
}

namespace sluice::hook {
namespace {

constexpr const char* kDefaultInbox = "/run/sluice/inbox";
constexpr const char* kOption = "sluice_inbox=";
constexpr const char* kJobId = "SLURM_JOB_ID=";
constexpr const char* kSelection = "SPANK_EVENT_SINK=";

constinit inbox::Writer writer;

void log_error(const char* line) {
  slurm_error("%s", line);
}

int64_t now_us() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return int64_t{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1000;
}

// PrEpParameters is a comma-separated list that other PrEp plugins share.
bool inbox_from(const char* params, char* dir, size_t size) {
  if (params == nullptr) return false;
  const char* at = strstr(params, kOption);
  while (at != nullptr && at != params && at[-1] != ',' && at[-1] != ' ')
    at = strstr(at + 1, kOption);
  if (at == nullptr) return false;
  at += strlen(kOption);
  size_t n = strcspn(at, ",");
  if (n >= size) n = size - 1;
  memcpy(dir, at, n);
  dir[n] = '\0';
  return true;
}

}  // namespace

bool inside_slurmctld() {
  return job_common_env_vars != nullptr;
}

void configure() {
  char dir[256] = {};
  if (&slurm_conf == nullptr || !inbox_from(slurm_conf.prep_params, dir, sizeof dir))
    snprintf(dir, sizeof dir, "%s", kDefaultInbox);
  if (!writer.configure(dir, log_error))
    slurm_error(
        "sluice: PrEpParameters: sluice_inbox=%s: must be an absolute path of at most 192 "
        "bytes; no events are recorded (jobs are not affected)",
        dir);
}

namespace {

// Everything slurmctld tells its own scripts of a job.
void whole(const char* kind, void* job_record, bool is_complete) {
  int64_t before = now_us();
  char** env = job_common_env_vars(job_record, is_complete);
  int64_t got = now_us();
  if (env == nullptr) return;
  inbox::Record record;
  record.add_number("env_us", got - before);
  for (char** e = env; *e != nullptr; ++e)
    // A job may have as many SPANK variables as its user likes: only ours, or they would crowd
    // out Slurm's.
    if (strncmp(*e, "SPANK_", 6) != 0 || strncmp(*e, kSelection, strlen(kSelection)) == 0)
      record.add(*e);
  bool written = writer.write(kind, record);
  // What was dropped must be told in whole the next time.
  if (!is_complete && written) {
    remember_task(env);
    for (char** e = env; *e != nullptr; ++e)
      if (strncmp(*e, kJobId, strlen(kJobId)) == 0)
        remember(job_record, static_cast<uint32_t>(strtoul(*e + strlen(kJobId), nullptr, 10)));
  }
  for (char** e = env; *e != nullptr; ++e) {
    void* item = *e;
    slurm_xfree(&item);
  }
  void* array = static_cast<void*>(env);
  slurm_xfree(&array);
}

}  // namespace

namespace {

// A run that ends with such an exit code is put back a moment after its end hook. Whoever asks for
// its exit code then is told of the next run, so the hook has to say it. Reconfiguring changes it.
bool exit_code_may_requeue() {
  return &slurm_conf != nullptr &&
         (slurm_conf.requeue_exit != nullptr || slurm_conf.requeue_exit_hold != nullptr);
}

// Which job it is; sluiced asks slurmctld for the rest.
void short_record(const char* kind, uint32_t job_id) {
  inbox::Record record;
  record.add_number("job_id", job_id);
  writer.write(kind, record);
}

}  // namespace

void start(void* job_record) {
  if (!inside_slurmctld() || job_record == nullptr) return;
  Task task = known_task(job_record);
  if (task.job_id == 0) return whole("start", job_record, false);
  inbox::Record record;
  record.add_number("job_id", task.job_id);
  record.add_number("array_job_id", task.array_job_id);
  record.add_number("array_task_id", task.array_task_id);
  for (size_t i = 0; i < task.common_count; ++i) record.add(task.common[i]);
  if (writer.write("start", record)) remember(job_record, task.job_id);
}

void end(void* job_record) {
  if (!inside_slurmctld() || job_record == nullptr) return;
  uint32_t job_id = known_id(job_record);
  if (job_id == 0 || exit_code_may_requeue()) return whole("end", job_record, true);
  short_record("end", job_id);
}

void completion(void* job_record, uint32_t job_id) {
  if (!inside_slurmctld() || job_record == nullptr) return;
  if (job_id == 0) return whole("comp", job_record, true);
  short_record("comp", job_id);
}

uint32_t completing_job(const void* job_record) {
  return inside_slurmctld() && job_record != nullptr ? id_at_completion(job_record) : 0;
}

}  // namespace sluice::hook
