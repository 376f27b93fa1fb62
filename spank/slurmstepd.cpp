// The plugin in slurmstepd: launch and exit of batch scripts, start and end of steps.
//
// One slurmstepd runs one step's tasks on one node, all callbacks in its main thread. Whether to
// report is decided by the option as Slurm handed it on, for steps by a variable of our own; a user
// can forge either, and gains no more than a record: where it goes is sluiced's decision, made from
// what slurmctld knows.
#include <sys/types.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/event/selection.h"
#include "spank/arguments.h"
#include "spank/option.h"
#include "spank/record.h"
#include "spank/spank.h"

namespace sluice::spank {
namespace {

// Slurm's step ids that are no steps of srun's (slurm.h: SLURM_MAX_NORMAL_STEP_ID and above).
constexpr uint32_t kBatch = 0xfffffffb;
constexpr uint32_t kMaxStep = 0xfffffff0;

struct Step {
  uint32_t id;
  bool launch;  // write these records
  bool exit;
  bool steps;
  bool started;    // the first task has
  uint32_t tasks;  // of this node
  uint32_t ended;  // of these
  int worst;       // wait status
};
constinit Step step = {};

uint32_t number(spank_t sp, spank_item_t which) {
  uint32_t n = 0;
  return spank_get_item(sp, which, &n) == ESPANK_SUCCESS ? n : 0;
}

// A signal is worse than any exit status.
int badness(int status) {
  return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

void hand_to_steps(spank_t sp) {
  char text[kMaxSelectionBytes + 16];
  if (option_value() == nullptr) {
    spank_unsetenv(sp, kJobVariable);  // of a job that submitted this one
    return;
  }
  snprintf(text, sizeof text, "%u:%s", number(sp, S_JOB_ID), option_value());
  spank_setenv(sp, kJobVariable, text, 1);
}

// Where this node's sluiced listens. Set over what was inherited: the environment is that of the
// host where the job was submitted.
void tell_socket(spank_t sp) {
  char path[kMaxPath + 1];
  if (arguments().socket[0] != '\0' && expand_path(arguments().socket, path, sizeof path))
    spank_setenv(sp, "SLUICE_SOCKET", path, 1);
}

// What the job of this step was submitted with; null if that is not known, or it is another job's
// by inheritance.
const char* selection_of_job(spank_t sp) {
  static char text[kMaxSelectionBytes + 16];
  if (spank_getenv(sp, kJobVariable, text, sizeof text) != ESPANK_SUCCESS) return nullptr;
  char* value = nullptr;
  unsigned long job = strtoul(text, &value, 10);
  bool has_id = value != text;
  if (*value != ':' || (has_id && job != number(sp, S_JOB_ID))) return nullptr;
  return value + 1;
}

void step_ended(spank_t sp) {
  step.steps = false;  // once
  inbox::Record record;
  describe(sp, step.id, &record);
  record.add_number("tasks", step.ended);
  if (step.ended > 0) describe_status(step.worst, &record);
  write_record("step_end", record);
}

}  // namespace

void stepd_init(spank_t sp) {
  register_option(sp);
}

void stepd_post_opt(spank_t sp) {
  step.id = number(sp, S_JOB_STEPID);
  tell_socket(sp);
  if (step.id == kBatch) {
    // sbatch --export leaves Slurm's own variable behind.
    if (option_value() == nullptr) replace_option(selection_of_job(sp));
    bool all = arguments().jobs == Which::kAll;
    step.launch = all || (option_selection().events & kEventLaunch) != 0;
    step.exit = all || (option_selection().events & kEventExit) != 0;
    hand_to_steps(sp);
  } else if (step.id < kMaxStep && arguments().steps != Which::kNone) {
    replace_option(selection_of_job(sp));
    step.steps = arguments().steps == Which::kAll || (option_selection().events & kEventStep) != 0;
  }
}

void stepd_task_started(spank_t sp) {
  if (step.started || (!step.launch && !step.steps)) return;
  step.started = true;
  inbox::Record record;
  describe(sp, step.id, &record);
  step.tasks = number(sp, S_JOB_LOCAL_TASK_COUNT);
  record.add_number("tasks", step.tasks);
  pid_t pid = 0;
  if (spank_get_item(sp, S_TASK_PID, &pid) == ESPANK_SUCCESS) record.add_number("pid", pid);
  write_record(step.launch ? "launch" : "step_start", record);
}

void stepd_task_ended(spank_t sp) {
  if (!step.exit && !step.steps) return;
  int status = 0;
  if (spank_get_item(sp, S_TASK_EXIT_STATUS, &status) != ESPANK_SUCCESS) return;
  if (badness(status) > badness(step.worst)) step.worst = status;
  ++step.ended;
  // Not left to stepd_exit(), which runs when srun has returned and the script went on.
  if (step.steps && step.ended == step.tasks) step_ended(sp);
  if (!step.exit) return;
  inbox::Record record;
  describe(sp, step.id, &record);
  pid_t pid = 0;
  if (spank_get_item(sp, S_TASK_PID, &pid) == ESPANK_SUCCESS) record.add_number("pid", pid);
  describe_status(status, &record);
  write_record("exit", record);
}

// A step whose tasks were not all seen to end.
void stepd_exit(spank_t sp) {
  if (step.steps && step.started) step_ended(sp);
}

}  // namespace sluice::spank
