// resume(), one run of it: one launch a group, whatever the number of nodes, then one look for
// addresses and one word to slurmctld. Internal to resume(): resume.cpp has its course, claim.cpp
// what is launched, share_out.cpp who gets what came of it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/power/operations.h"
#include "common/power/pools.h"

namespace sluice::power {

constexpr const char* kNotWhole = "its job cannot get all of its nodes";

class Resuming {
 public:
  Resuming(Session& session, const std::vector<Job>& jobs) : s_(session), jobs_(jobs) {}

  Result<std::vector<Outcome>> run(const std::vector<std::string>& nodes);

 private:
  struct Work {
    Launch launch;
    bool adopted = false;  // begun by a killed one: it may have been sent
    std::vector<Machine> machines;
    std::vector<Refusal> refusals;
    bool stale = false;   // nobody waits for it any more: what it has not made, it shall not make
    bool unsure = false;  // it may have made something, and nobody can say: it stays open
  };

  void say(const std::string& node, Fate fate, std::string why = {}, const Machine& machine = {});
  void adopt();
  void send(Work* work);
  void answered(Work* work, Launched result);
  void find(Work* work, const std::function<void(const std::vector<Machine>&)>& done);
  void find_addresses();
  bool learn(const std::vector<Machine>& machines);
  void tell();
  void give_up();

  // claim.cpp
  Result<void> ask_slurm();
  void claim(const std::vector<std::string>& nodes);
  bool may_launch(const Group& group, const std::string& name, bool by_a_job);
  bool is_wanted(const Group& group, const std::string& name, bool by_a_job);
  void fail_node(const Group& group, const std::string& name, const std::string& why);
  void give_up_on(const Node& node, const std::string& why);
  void add_work(const Group& group, std::vector<std::string> nodes, Choice choice);
  bool fall_back();
  void move_to_on_demand(Work* work, const Group& group);
  bool adopted(const std::string& token) const;

  // share_out.cpp
  void share_out();
  void keep_jobs_whole();
  void give(Work* work, const std::set<std::string>& served);
  static std::string why_not(const Work& work, bool spare);

  Session& s_;
  const std::vector<Job>& jobs_;
  std::map<std::string, slurm::NodeInfo> slurm_;  // as slurmctld had them
  std::deque<Work> works_;                        // calls under way point to them
  std::vector<Node> untold_;
  std::vector<std::pair<std::string, std::string>> failed_;  // node, why
  std::vector<std::string> spare_;                           // that boot for a job that cannot run
  std::vector<Outcome> outcomes_;
};

}  // namespace sluice::power
