// What is to be done about a node, given what slurmctld says of it, what the record has and for how
// long it has been so. Pure functions: the whole policy of reconciling is here.
//
// The conditions are the old plugin's change_state, read from the state's bits, and what it could
// not see because it kept no record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/power/record.h"
#include "common/slurm/nodes.h"

namespace sluice::power {

enum class Remedy {
  none,
  launch,         // slurmctld waits for it and nobody launches it
  tell,           // slurmctld does not have its address
  end_machine,    // slurmctld believes it powered down
  power_down,     // it does not respond, or is down with a machine: SuspendProgram ends that
  set_down,       // completing and draining without an end
  return_to_use,  // down or draining while powered down: the next job may have it again
  lost,           // its machine is gone: jobs on it are put back
};
const char* name_of(Remedy remedy);

struct Sight {
  const slurm::NodeInfo* slurm = nullptr;
  const Node* record = nullptr;  // null: none
  bool machine_gone = false;     // the provider says that it has ended
  int64_t now_s = 0;             // since 1970
  uint32_t slurm_uid = 0;
  int64_t protected_until_s = 0;  // of its group, whose nodes boot and never register
};

// The remedy that the sight calls for, whatever its age, and how old it must be to be applied.
struct Judgement {
  Remedy remedy = Remedy::none;
  int64_t after_s = 0;
  std::string reason;  // for slurmctld, where it wants one
};
Judgement judge(const Sight& sight, const Config& config);

// It has registered, and jobs can run on it.
bool is_ready(const Sight& sight);
// It was given up before it ever was ready, and not because its machine ended.
bool never_came(const Sight& sight);

}  // namespace sluice::power
