#include "common/power/remedy.h"

#include <algorithm>

namespace sluice::power {
namespace {

constexpr const char* kOurs = "sluice: ";
constexpr int64_t kStart = 5;  // seconds

// Slurm's own reasons, ours and the old plugin's go with the machine; an administrator's do not.
bool is_ours(const Sight& s) {
  const slurm::NodeInfo& n = *s.slurm;
  return n.reason.empty() || n.reason_uid == s.slurm_uid || n.reason.starts_with(kOurs);
}

// One that could not come rests first: the next job would ask for the same again.
bool rests(const Sight& s, const Config& config) {
  // A time that is still to come is of a clock that was wrong.
  int64_t since = std::min(s.slurm->reason_time, s.now_s);
  return s.slurm->reason.starts_with(kOurs) &&
         s.now_s < std::max(since + config.fail_hold_s, s.protected_until_s);
}

Judgement of_powered_down(const Sight& s, const Config& config) {
  const slurm::NodeInfo& n = *s.slurm;
  if (s.record != nullptr && s.record->stage != Stage::launching)
    return {Remedy::end_machine, config.stuck_s, {}};
  if ((n.down || n.draining) && is_ours(s) && !rests(s, config))
    return {Remedy::return_to_use, 0, {}};
  return {};
}

Judgement of_powering_up(const Sight& s, const Config& config) {
  // Not while ResumeRate lets it wait: a machine that booted before slurmctld asked for it is none
  // that it waits for. Nor in the moment in which ResumeProgram is being started.
  if (s.record == nullptr)
    return s.slurm->powered_down
               ? Judgement{}
               : Judgement{Remedy::launch, std::max(config.stuck_s / 4, kStart), {}};
  if (s.record->stage == Stage::launched) return {Remedy::tell, 0, {}};
  if (s.record->stage == Stage::told && s.slurm->address != s.record->machine.address)
    return {Remedy::tell, 0, {}};
  return {};
}

// An administrator's own reason stays.
std::string lost_reason(const Sight& s) {
  const std::string& why = s.record->machine.why;
  std::string out = kOurs;
  out += "its machine is gone";
  if (!why.empty()) out += ": " + why;
  return out;
}

}  // namespace

const char* name_of(Remedy remedy) {
  switch (remedy) {
    case Remedy::none:
      return "none";
    case Remedy::launch:
      return "launch";
    case Remedy::tell:
      return "tell slurmctld its address";
    case Remedy::end_machine:
      return "end its machine";
    case Remedy::power_down:
      return "power it down";
    case Remedy::set_down:
      return "set it down";
    case Remedy::return_to_use:
      return "return it to use";
    case Remedy::lost:
      return "give its jobs back";
  }
  return "unknown";
}

bool is_ready(const Sight& s) {
  const slurm::NodeInfo& n = *s.slurm;
  return s.record != nullptr && s.record->stage == Stage::told && !s.machine_gone &&
         !n.powering_up && !n.powered_down && !n.powering_down && !n.down && !n.not_responding &&
         n.slurmd_start_time > 0;
}

bool never_came(const Sight& s) {
  return s.record != nullptr && s.record->stage == Stage::told && s.record->ready_us == 0 &&
         !s.machine_gone && s.slurm->down && is_ours(s) && !s.slurm->reason.starts_with(kOurs) &&
         s.slurm->slurmd_start_time * 1'000'000 < s.record->since_us;
}

Judgement judge(const Sight& s, const Config& config) {
  const slurm::NodeInfo& n = *s.slurm;
  if (n.powering_down) return {};  // SuspendTimeout ends that
  // A machine that ends by itself: interrupted, or somebody's hand. No need to wait for slurmd's
  // silence.
  if (s.machine_gone && s.record != nullptr && !n.powered_down)
    return {Remedy::lost, config.stuck_s / 6, is_ours(s) ? lost_reason(s) : std::string()};
  if (n.powered_down && !n.powering_up) return of_powered_down(s, config);
  if (n.powering_up && !n.down) return of_powering_up(s, config);
  // Drained by us, for good: what EC2 wants back, or may want back, goes before that.
  if (n.draining && !n.down && !n.completing && !n.allocated && n.reason.starts_with(kOurs))
    return {Remedy::power_down, 0, n.reason};
  if (n.completing && n.draining && !n.allocated && is_ours(s))
    return {Remedy::set_down, config.stuck_s, "sluice: completing and draining without an end"};
  if (n.down && is_ours(s) && !rests(s, config))
    return {Remedy::power_down, n.reason.starts_with(kOurs) ? 0 : config.stuck_s / 2,
            n.reason.empty() ? "sluice: down, its machine ends" : n.reason};
  if (n.not_responding && n.idle && (!n.draining || is_ours(s)))
    return {Remedy::power_down, config.stuck_s, "sluice: it does not respond"};
  return {};
}

}  // namespace sluice::power
