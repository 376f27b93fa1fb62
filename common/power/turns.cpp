#include <algorithm>

#include "common/event/types.h"
#include "common/power/interruptions.h"
#include "common/power/notices.h"
#include "common/power/pass.h"

namespace sluice::power {

int64_t Turns::protected_until_s(const std::string& group) {
  auto [it, fresh] = troubles_.try_emplace(group);
  if (fresh) it->second = p_.s.record.trouble(group);
  if (it->second.failures < p_.s.config.boot_failures || it->second.last_us > p_.us) return 0;
  return it->second.last_us / 1'000'000 + p_.s.config.protect_s;
}

void Turns::follow(const Sight& sight) {
  if (sight.record == nullptr) return;
  if (sight.record->ready_us == 0) follow_boot(sight);
  follow_interruption(sight);
}

// Has a machine become a node, or will it never?
void Turns::follow_boot(const Sight& sight) {
  Record& record = p_.s.record;
  const Node& node = *sight.record;
  Trouble trouble = record.trouble(node.group);
  if (is_ready(sight)) {
    auto row = record.node(node.name);
    if (!row || row->token != node.token) return;
    // slurmd's start, to the second, where that is this boot's.
    int64_t started_us = sight.slurm->slurmd_start_time * 1'000'000;
    row->ready_us = std::max(row->since_us, std::min(started_us, p_.us));
    record.put(*row);
    record.clear_error(row->name);
    tell_of(p_.s, event::kNodeReady, *row);
    if (trouble.failures == 0) return;
    trouble = {};
  } else if (never_came(sight) && p_.is_new(node.name, kNeverCame)) {
    ++trouble.failures;
    trouble.last_us = p_.us;
    std::string why = "it booted and never registered: " + sight.slurm->reason;
    record.count("boot_failures", node.group, "", 1);
    record.set_error(node.name, why, p_.us);
    tell_of(p_.s, event::kNodeFailed, node, why);
  } else {
    return;
  }
  record.set_trouble(node.group, trouble);
  troubles_[node.group] = trouble;
}

void Turns::follow_interruption(const Sight& sight) {
  const std::string& reason = sight.slurm->reason;
  const Node& node = *sight.record;
  if (!sight.slurm->draining || !reason.starts_with(kInterrupted) || !p_.is_new(node.name, kTaken))
    return;
  std::string why = reason.substr(std::string_view(kInterrupted).size());
  p_.s.record.count("interruptions", node.group, "", 1);
  p_.s.record.set_error(node.name, why, p_.us);
  tell_of(p_.s, event::kNodeInterrupted, node, why);
}

}  // namespace sluice::power
