#include "spank/record.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/event/selection.h"
#include "spank/arguments.h"
#include "spank/option.h"

namespace sluice::spank {
namespace {

constexpr uint32_t kNoVal = 0xfffffffe;  // slurm.h's NO_VAL
constexpr size_t kMaxVariable = 4096;

// Of the job's environment, what the documentation of sbatch promises and sluiced has use for.
constexpr const char* kVariables[] = {
    "SLURM_JOB_ID",        "SLURM_JOB_NAME",       "SLURM_JOB_NODELIST",   "SLURM_JOB_NUM_NODES",
    "SLURM_JOB_PARTITION", "SLURM_JOB_USER",       "SLURM_JOB_ACCOUNT",    "SLURM_JOB_QOS",
    "SLURM_SUBMIT_DIR",    "SLURM_SUBMIT_HOST",    "SLURM_CLUSTER_NAME",   "SLURM_NODEID",
    "SLURM_STEP_NODELIST", "SLURM_NTASKS",         "SLURM_ARRAY_JOB_ID",   "SLURM_ARRAY_TASK_ID",
    "SLURM_HET_JOB_ID",    "SLURM_HET_JOB_OFFSET", "SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME",
    "SLURM_RESTART_COUNT",
};

void log_debug(const char* line) {
  slurm_debug("%s", line);
}

// "NAME=VALUE" of the environment, null if it is not there.
const char* find(char** env, const char* name) {
  size_t n = strlen(name);
  for (; *env != nullptr; ++env)
    if (strncmp(*env, name, n) == 0 && (*env)[n] == '=') return *env;
  return nullptr;
}

// A field that Slurm knows as a number. Absent fields stay out of the record.
void item(spank_t sp, spank_item_t which, const char* name, uint32_t absent,
          inbox::Record* record) {
  uint32_t number = absent;
  if (spank_get_item(sp, which, &number) == ESPANK_SUCCESS && number != absent)
    record->add_number(name, number);
}

}  // namespace

void describe(spank_t sp, uint32_t step, inbox::Record* record) {
  static char node[264];
  item(sp, S_JOB_ID, "job_id", kNoVal, record);
  // Slurm's steps that are none (batch, interactive) are negative in everything it shows.
  record->add_number("step_id", static_cast<int32_t>(step));
  item(sp, S_JOB_UID, "uid", kNoVal, record);
  item(sp, S_JOB_GID, "gid", kNoVal, record);
  snprintf(node, sizeof node, "@node=%s", node_name());
  record->add(node);
  item(sp, S_JOB_NODEID, "node_id", kNoVal, record);
  // Should slurmctld's record of the start be lost, this one still names the sinks.
  static char selection[kMaxSelectionBytes + 16];
  if (option_value() != nullptr) {
    snprintf(selection, sizeof selection, "@selection=%s", option_value());
    record->add(selection);
  }
  item(sp, S_SLURM_RESTART_COUNT, "restart", kNoVal, record);
  size_t before = record->count();
  // Of a job that is no array, newer and older Slurms say 0 or the job's own id.
  uint32_t task = kNoVal;
  if (spank_get_item(sp, S_JOB_ARRAY_TASK_ID, &task) == ESPANK_SUCCESS && task != kNoVal) {
    item(sp, S_JOB_ARRAY_ID, "array_job_id", 0, record);
    if (record->count() > before) record->add_number("array_task_id", task);
  }
  char** env = nullptr;
  if (spank_get_item(sp, S_JOB_ENV, &env) != ESPANK_SUCCESS || env == nullptr) return;
  for (const char* name : kVariables) {
    const char* variable = find(env, name);
    // The user's own, some of them: not to fill the inbox with.
    if (variable != nullptr && strlen(variable) <= kMaxVariable) record->add(variable);
  }
  // From 24.11 on Slurm sets it, but only for the task itself: steps inherit it, the batch script's
  // own records lack it. A user may set it too: good for telling a job's runs apart, no more.
  const char* start = find(env, "SLURM_JOB_START_TIME");
  if (start != nullptr)
    record->add_number("start_time", strtoll(strchr(start, '=') + 1, nullptr, 10));
}

void describe_status(int status, inbox::Record* record) {
  if (WIFSIGNALED(status)) {
    record->add_number("signal", WTERMSIG(status));
    record->add_number("core_dumped", WCOREDUMP(status) ? 1 : 0);
  } else {
    record->add_number("exit_code", WEXITSTATUS(status));
  }
}

void write_record(const char* kind, const inbox::Record& record) {
  static constinit inbox::Writer writer;
  char inbox[kMaxPath + 1];
  if (writer.dir()[0] == '\0' &&
      (!expand_path(arguments().inbox, inbox, sizeof inbox) || !writer.configure(inbox, log_debug)))
    slurm_debug("sluice: inbox %s is no path that can be used", arguments().inbox);
  if (!writer.write(kind, record))
    slurm_debug("sluice: %s event not recorded in inbox %s", kind, writer.dir());
}

}  // namespace sluice::spank
