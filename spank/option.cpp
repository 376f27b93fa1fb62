#include "spank/option.h"

#include <cstdlib>
#include <cstring>

#include "spank/arguments.h"
#include "spank/public_sinks.h"

namespace sluice::spank {
namespace {

constinit char value[kMaxSelectionBytes + 1] = {};
constinit Selection selection = {};

void accept(const char* text) {
  memcpy(value, text, strlen(text) + 1);
}

// slurmstepd: the job is running, so what is wrong is no reason for anything any more.
int in_stepd(const char* text) {
  char error[400];
  if (parse_selection(text, &selection, error, sizeof error))
    accept(text);
  else
    slurm_debug("sluice: --event-sink: %s", error);
  return ESPANK_SUCCESS;
}

// The only place where refusing stops an `optional` plugin's submission.
int in_submission(const char* text) {
  const char* job = getenv("SLURM_JOB_ID");
  if (spank_context() == S_CTX_LOCAL && job != nullptr) {
    const char* by_default = getenv(kDefaultVariable);
    if (by_default == nullptr || strcmp(by_default, text) != 0)
      slurm_error(
          "sluice: --event-sink=%s has no effect inside job %s: a job's sinks are named "
          "when it is submitted",
          text, job);
    return ESPANK_SUCCESS;
  }
  char error[1600];
  Selection parsed;
  if (!parse_selection(text, &parsed, error, sizeof error)) {
    slurm_error("sluice: --event-sink: %s", error);
    return ESPANK_BAD_ARG;
  }
  if (!check_public_sinks(arguments().sinks, parsed, error, sizeof error)) {
    slurm_error("sluice: --event-sink: %s", error);
    return ESPANK_BAD_ARG;
  }
  selection = parsed;
  accept(text);
  return ESPANK_SUCCESS;
}

int callback(int, const char* text, int remote) {
  if (text == nullptr) text = "";
  if (remote != 0) return in_stepd(text);
  return in_submission(text);
}

}  // namespace

void register_option(spank_t sp) {
  static char name[] = "event-sink";
  static char argument[] = "NAME[:EVENT,...]";
  static char usage[] =
      "[sluice] send the job's events to sink NAME. EVENT: start, end, launch, exit, step, fail, "
      "cancelled, requeue, lost, user, all; without one, all but steps. More sinks after a comma.";
  static struct spank_option option = {name, argument, usage, 1, 0, callback};
  if (spank_option_register(sp, &option) != ESPANK_SUCCESS)
    slurm_debug("sluice: option --event-sink could not be registered");
}

const char* option_value() {
  return value[0] == '\0' ? nullptr : value;
}

const Selection& option_selection() {
  return selection;
}

void forget_option() {
  value[0] = '\0';
  selection = {};
}

void replace_option(const char* text) {
  forget_option();
  if (text != nullptr) in_stepd(text);
}

}  // namespace sluice::spank
