// A provider and a slurmctld that do what a test wants, and remember what they were told.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/power/operations.h"
#include "temp_folder.h"

namespace sluice::testing {

class FakeProvider : public power::Provider {
 public:
  std::string render(const power::Order& order) const override {
    return order.token + " " + std::to_string(order.nodes.size()) +
           (order.spot ? " spot" : " on-demand");
  }
  std::vector<power::Pool> pools(const power::Group&) const override {
    return {{"c5.large", "subnet-1"}};
  }

  void launch(const std::string& request, power::OnLaunched done) override {
    launches.push_back(request);
    std::string token = request.substr(0, request.find(' '));
    size_t wanted = std::stoul(request.substr(request.find(' ') + 1));
    bool spot = request.ends_with(" spot");
    size_t& left = spot ? spot_capacity : capacity;
    power::Launched out;
    if (made.contains(token)) {  // the same token again makes nothing new
      for (const auto& id : made[token]) out.machines.push_back(bare(id, token));
    } else {
      for (size_t i = 0; i < std::min(wanted, left); ++i) {
        std::string id = "i-" + std::to_string(++count);
        machines[id] = machine(id, token);
        machines[id].spot = spot;
        made[token].push_back(id);
        out.machines.push_back(bare(id, token));
      }
      left -= out.machines.size();
    }
    if (out.machines.size() < wanted)
      out.refusals.push_back({power::Cause::no_capacity, "InsufficientInstanceCapacity",
                              "there is none", "c5.large", "us-east-1a", "subnet-1", spot});
    done(std::move(out));
  }

  void list(const std::string&, power::OnMachines done) override {
    std::vector<power::Machine> out;
    for (const auto& [id, m] : machines) out.push_back(m);
    done(std::move(out));
  }
  void find(const std::string& token, power::OnMachines done) override {
    std::vector<power::Machine> out;
    if (hidden > 0)
      --hidden;
    else
      for (const auto* all : {&machines, &gone})
        for (const auto& [id, m] : *all)
          if (m.launch == token) out.push_back(m);
    done(std::move(out));
  }
  void terminate(std::vector<std::string> ids, power::OnEnded done) override {
    if (refuses)
      return done(
          {{},
           {},
           {{power::Cause::credentials, "UnauthorizedOperation", "no", {}, {}, {}, false}}});
    for (const auto& id : ids) vanish(id);
    done({std::move(ids), {}, {}});
  }
  void tag(const std::string& id, const std::vector<std::pair<std::string, std::string>>& tags,
           power::OnTagged done) override {
    for (const auto& [key, value] : tags) tagged[id][key] = value;
    done(std::nullopt);
  }
  bool poll(int64_t) override { return false; }

  // As EC2 shows it for a while.
  void vanish(const std::string& id) {
    auto it = machines.find(id);
    if (it == machines.end()) return;
    it->second.life = power::Life::ended;
    gone.insert(machines.extract(it));
  }
  std::map<std::string, power::Machine> gone, hidden_machines;

  std::map<std::string, std::map<std::string, std::string>> tagged;

  bool refuses = false;  // to end anything
  size_t capacity = 1000;
  size_t spot_capacity = 1000;
  int hidden = 0;  // so many looks find nothing
  size_t count = 0;
  std::vector<std::string> launches;
  std::map<std::string, power::Machine> machines;
  std::map<std::string, std::vector<std::string>> made;  // by token

 private:
  static power::Machine bare(const std::string& id, const std::string& token) {
    power::Machine m;
    m.id = id;
    m.launch = token;
    m.since_us = clock::wall_us();
    return m;
  }
  static power::Machine machine(const std::string& id, const std::string& token) {
    power::Machine m = bare(id, token);
    m.address = "10.0.0." + id.substr(2);
    m.hostname = "ip-10-0-0-" + id.substr(2);
    m.life = power::Life::running;
    return m;
  }
};

// One process's view of it; several may share the folder, as processes do.
class PowerWorld {
 public:
  static constexpr uint32_t kSlurmUser = 64030;
  explicit PowerWorld(const power::Config& config)
      : config_(config), provider(std::make_shared<FakeProvider>()) {
    for (const auto& p : config.partitions)
      for (const auto& g : p.groups)
        for (int64_t i = 0; i < g.max_nodes; ++i) {
          slurm::NodeInfo n;
          n.name = g.prefix() + "-" + std::to_string(i);
          n.cloud = n.idle = n.powered_down = true;
          n.reason_uid = kSlurmUser;
          nodes[n.name] = n;
        }
  }

  power::Slurm slurm() {
    power::Slurm out;
    out.nodes = [this]() -> Result<std::vector<slurm::NodeInfo>> {
      std::vector<slurm::NodeInfo> all;
      for (const auto& [name, n] : nodes) all.push_back(n);
      return all;
    };
    out.uid = kSlurmUser;
    out.tell = [this](const std::vector<power::Machine>& list) -> Result<void> {
      if (deaf) return fail("slurmctld does not answer");
      for (const auto& m : list) nodes[m.node].address = m.address;
      ++told;
      return {};
    };
    out.change = [this](const std::vector<std::string>& names, slurm::NodeChange change,
                        const std::string& reason) -> Result<void> {
      for (const auto& name : names) changes.emplace_back(name, change, reason);
      return {};
    };
    return out;
  }

  struct Run {
    power::Record record;
    power::Owner owner;
    power::Places places;
  };
  Run begin() {
    auto record = power::Record::open(folder.path());
    auto owner = power::Owner::make(folder.path());
    return {std::move(*record), std::move(*owner),
            power::Places([p = provider](const power::Place&) { return p; })};
  }
  power::Session session(Run& run) {
    return {config_, "test", folder.path(), run.record, run.owner, run.places, slurm()};
  }

  // A launch of the first group that `run` has recorded and, as it seems, not got further with.
  power::Launch begun(Run& run, const std::vector<std::string>& names) const {
    power::Launch launch;
    launch.token = power::make_token();
    launch.place = power::place_of(config_.partitions[0].groups[0]);
    launch.group = config_.partitions[0].groups[0].prefix();
    launch.nodes = names;
    launch.request = launch.token + " " + std::to_string(names.size());
    launch.owner = run.owner.name();
    launch.made_us = clock::wall_us();
    run.record.add(launch);
    return launch;
  }

  std::map<std::string, power::Fate> resume(const std::vector<std::string>& names,
                                            const std::vector<power::Job>& jobs = {}) {
    for (const auto& name : names)  // as slurmctld does before it asks
      if (auto n = nodes.find(name); n != nodes.end() && n->second.powered_down) {
        n->second.powered_down = false;
        n->second.powering_up = true;
      }
    Run run = begin();
    auto s = session(run);
    return fates(power::resume(s, names, jobs));
  }
  std::map<std::string, power::Fate> suspend(const std::vector<std::string>& names) {
    Run run = begin();
    auto s = session(run);
    return fates(power::suspend(s, names));
  }
  std::map<std::string, power::Fate> reconcile() {
    Run run = begin();
    auto s = session(run);
    return fates(power::reconcile(s));
  }

  // Types and nodes of the events that sluiced has still to take, in order.
  std::vector<std::string> notices() {
    Run run = begin();
    std::vector<std::string> out;
    for (const auto& n : run.record.notices(1000)) out.push_back(n.type + " " + n.node);
    return out;
  }

  // The machine that the record has for the node, or "".
  std::string machine_of(const std::string& name) {
    Run run = begin();
    auto node = run.record.node(name);
    return node ? node->machine.id : "";
  }

 private:
  static std::map<std::string, power::Fate> fates(
      const Result<std::vector<power::Outcome>>& outcomes) {
    std::map<std::string, power::Fate> out;
    if (!outcomes) return {{outcomes.error().what, power::Fate::failed}};
    for (const auto& o : *outcomes) out[o.node] = o.fate;
    return out;
  }

  const power::Config& config_;

 public:
  TempFolder folder;
  std::shared_ptr<FakeProvider> provider;
  std::map<std::string, slurm::NodeInfo> nodes;
  std::vector<std::tuple<std::string, slurm::NodeChange, std::string>> changes;
  bool deaf = false;
  int told = 0;
};

}  // namespace sluice::testing
