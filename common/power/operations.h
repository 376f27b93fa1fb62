// What the programs do: resume and suspend. Every step is in the record before it is taken, so that
// a killed one is finished by whoever comes next. Blocks on the provider, slurmctld and the disk.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/power/assign.h"
#include "common/power/config.h"
#include "common/power/provider.h"
#include "common/power/record.h"
#include "common/slurm/nodes.h"

namespace sluice::power {

// The providers that are needed, each made when it is first asked for.
class Places {
 public:
  using Maker = std::function<ProviderPtr(const Place&)>;
  explicit Places(Maker maker) : maker_(std::move(maker)) {}

  Provider& at(const Place& place);
  std::map<std::string, int64_t> take_calls();
  // Until nothing is under way any more.
  void settle();

 private:
  Maker maker_;
  std::map<Place, ProviderPtr> made_;
};

// What slurmctld is told and asked; tests have their own.
struct Slurm {
  std::function<Result<std::vector<slurm::NodeInfo>>()> nodes;
  std::function<Result<void>(const std::vector<Machine>&)> tell;  // by machine.node
  std::function<Result<void>(const std::vector<std::string>&, slurm::NodeChange,
                             const std::string& reason)>
      change;
  uint32_t uid = 0;  // SlurmUser's
};
Slurm real_slurm();

struct Session {
  const Config& config;
  const std::string cluster;
  const std::string folder;  // of the record
  Record& record;
  Owner& owner;
  Places& places;
  Slurm slurm;
};

enum class Fate {
  told,     // slurmctld knows its machine's address
  already,  // somebody else launches it, or it was launched a moment ago
  failed,   // it cannot come: slurmctld was told so
  left,     // a machine is there, but slurmctld could not be told: reconciling goes on with it
  foreign,  // no group has it, or slurmctld does not know it
  ended,    // suspend: its machine ends
  none,     // suspend: it had none
  mended,   // reconcile: what was wrong, and was done about it, is in `why`
  planned,  // a plan: it would be launched, or ended
};
const char* name_of(Fate fate);

struct Outcome {
  std::string node;
  Fate fate;
  std::string machine, address;
  std::string why;  // one line, where something is to be said
};

// Launches machines for the nodes. `jobs` are those that wait for them, as far as they are known.
// What killed ones left half done is finished as well. The error is about the record or slurmctld
// as a whole; nothing was launched then.
Result<std::vector<Outcome>> resume(Session& session, const std::vector<std::string>& nodes,
                                    const std::vector<Job>& jobs);

// Ends the machines of the nodes.
Result<std::vector<Outcome>> suspend(Session& session, const std::vector<std::string>& nodes);

// What those would do, and whether the provider would let them; does nothing of it.
Result<std::vector<Outcome>> plan_resume(Session& session, const std::vector<std::string>& nodes);
Result<std::vector<Outcome>> plan_suspend(Session& session, const std::vector<std::string>& nodes);

// What every operation ends with: calls of the provider's API are counted, and sluiced gets the
// events that wait. Throws journal::DbError.
void finish(Session& session);

// Has the machines end that the record has marked to; what ends is struck from it, the others stay
// marked. Throws journal::DbError.
void end_marked(Session& session);

// Sets right what is stuck, left over or half done: launches of killed processes, nodes that
// slurmctld and the record see differently, machines without a node and nodes without a machine.
// What may pass by itself has to last for a while first, which the record remembers from call to
// call. Only what was touched is in the result.
Result<std::vector<Outcome>> reconcile(Session& session);

// The part of it that only looks whether nodes that boot have come: slurmctld is asked, and only
// where some do; no provider is.
Result<void> follow_boots(Session& session);

}  // namespace sluice::power
