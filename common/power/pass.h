// One pass of reconciling: what the record, slurmctld and the providers say at its beginning.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/power/operations.h"
#include "common/power/remedy.h"

namespace sluice::power {

struct Pass {
  explicit Pass(Session& session);
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  Session& s;
  const int64_t us;  // when it began
  std::map<std::string, Node> rows;
  std::map<Place, std::vector<Machine>> machines;  // of those places that answered
  std::set<std::string> alive;                     // their ids
  std::set<std::string> ended;  // of those in the record: the provider says so, or has none such
  std::vector<Outcome> out;

  // Reads the record, and asks the providers: which machines there are, and why others are gone.
  void look();
  bool gone(const Node& row) const { return ended.contains(row.machine.id); }
  // True where the provider was asked and does not list it, which may be a lag, or another
  // account's list: no proof.
  bool missing(const Node& row) const;
  // True when this pass is the first to see `what` of the node.
  bool is_new(const std::string& node, int what);
  void say(const std::string& node, std::string why, const Machine& machine);
};

// Of Record::seen, besides the remedies.
constexpr int kNeverCame = 100;
constexpr int kTaken = 101;
constexpr int kForgotten = 102;

// strays.cpp: machines and nodes that do not know of each other.

// Machines that slurmctld has a node at, and of which the record knows nothing: it was lost, or is
// another host's. They are taken into it, since to end them would cost jobs.
void adopt(Pass& pass, const std::vector<slurm::NodeInfo>& nodes);
// Nodes whose machines have to end because slurm.conf, or our configuration, does not have them any
// more. Inside a transaction.
std::vector<std::string> forgotten(Pass& pass, const std::vector<slurm::NodeInfo>& nodes);
// Strikes machines that were to end, and have, however their end was answered.
void strike_ended(Pass& pass);
// Marks machines of this cluster that no node has to end: of a launch whose answer never came, say.
void end_orphans(Pass& pass);

// turns.cpp: what nodes have come to, for events and for what is learnt from it.
class Turns {
 public:
  explicit Turns(Pass& pass) : p_(pass) {}
  // Until when the group is left alone, seconds since 1970; 0 where it is not.
  int64_t protected_until_s(const std::string& group);
  // Inside a transaction.
  void follow(const Sight& sight);

 private:
  void follow_boot(const Sight& sight);
  void follow_interruption(const Sight& sight);
  Pass& p_;
  std::map<std::string, Trouble> troubles_;  // by group
};

}  // namespace sluice::power
