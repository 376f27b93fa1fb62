// resume(): one launch a group, whatever the number of nodes, then one look for addresses and one
// word to slurmctld.
#include <algorithm>
#include <set>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/power/names.h"
#include "common/power/operations.h"

namespace sluice::power {
namespace {

// A node that was launched so recently is booting, whoever asks again: slurmctld asks once.
constexpr int64_t kFreshUs = 60'000'000;
constexpr size_t kMostReason = 120;

struct Work {
  Launch launch;
  bool adopted = false;  // begun by a killed one: it may have been sent
  std::vector<Machine> machines;
  std::vector<Refusal> refusals;
};

class Resume {
 public:
  Resume(Session& session, const std::vector<Job>& jobs) : s_(session), jobs_(jobs) {}

  Result<std::vector<Outcome>> run(const std::vector<std::string>& nodes) {
    try {
      adopt();
      if (auto ok = claim(nodes); !ok) return std::unexpected(ok.error());
      fault::point("power.recorded");
      for (Work& work : works_) send(&work);
      s_.places.settle();
      fault::point("power.answered");
      share_out();
      fault::point("power.assigned");
      find_addresses();
      tell();
      give_up();
      end_marked(s_);
    } catch (const journal::DbError& e) {
      return fail(e.what);
    }
    return std::move(outcomes_);
  }

 private:
  void say(const std::string& node, Fate fate, std::string why = {}, const Machine& machine = {}) {
    outcomes_.push_back({node, fate, machine.id, machine.address, std::move(why)});
  }

  // Launches of processes that were killed are ours from here on.
  void adopt() {
    std::vector<Launch> open = s_.record.launches();
    for (Launch& launch : open) {
      if (Owner::alive(s_.folder, launch.owner)) continue;
      journal::Transaction t(s_.record.db());
      // Another process may have been as quick.
      auto now = s_.record.launches();
      auto same =
          std::ranges::find_if(now, [&](const Launch& l) { return l.token == launch.token; });
      if (same == now.end() || same->owner != launch.owner) continue;
      s_.record.take_over(launch.token, s_.owner.name());
      t.commit();
      log::warning("launch " + launch.token + " of group " + launch.group +
                   " was left half done; going on with it");
      works_.push_back({std::move(launch), true, {}, {}});
    }
  }

  Result<void> claim(const std::vector<std::string>& nodes) {
    Sorted sorted = sort_by_group(s_.config, nodes);
    for (const auto& node : sorted.foreign)
      say(node, Fate::foreign, "no node group of the configuration has it");
    std::set<std::string> names;
    if (!sorted.groups.empty()) {
      auto known = s_.slurm.nodes();
      if (!known) return std::unexpected(known.error());
      for (auto& node : *known) names.insert(std::move(node.name));
    }
    journal::Transaction t(s_.record.db());
    for (auto& [group, wanted] : sorted.groups) {
      Launch launch;
      for (const auto& node : wanted) {
        if (!names.contains(node))
          say(node, Fate::foreign, "slurmctld does not know it; is slurm.conf.aws in slurm.conf?");
        else if (is_free(node))
          launch.nodes.push_back(node);
      }
      if (launch.nodes.empty()) continue;
      launch.token = make_token();
      launch.place = place_of(*group);
      launch.group = group->prefix();
      launch.owner = s_.owner.name();
      launch.made_us = clock::wall_us();
      launch.request =
          s_.places.at(launch.place).render({group, launch.token, s_.cluster, launch.nodes});
      s_.record.add(launch);
      works_.push_back({std::move(launch), false, {}, {}});
    }
    t.commit();
    return {};
  }

  // False where somebody is at it. A machine that is left over from an earlier life of the node
  // ends.
  bool is_free(const std::string& name) {
    auto node = s_.record.node(name);
    if (!node) return true;
    if (node->stage == Stage::launching) {
      if (adopted(node->token)) return false;  // ours already
      say(name, Fate::already, "its launch is under way");
      return false;
    }
    if (clock::wall_us() - node->since_us < kFreshUs) {
      // Perhaps slurmctld was killed and has forgotten the address.
      untold_.push_back(*node);
      return false;
    }
    s_.record.add(Ending{node->machine.id, node->place, name, clock::wall_us()});
    s_.record.forget(name);
    return true;
  }

  bool adopted(const std::string& token) const {
    return std::ranges::any_of(works_, [&](const Work& w) { return w.launch.token == token; });
  }

  void send(Work* work) {
    Provider& provider = s_.places.at(work->launch.place);
    auto launched = [this, work](Launched result) { answered(work, std::move(result)); };
    if (!work->adopted) {
      provider.launch(work->launch.request, launched);
      return;
    }
    // If it made nothing that can be seen, the same request again makes what it would have made, or
    // says what it made: once in either case.
    find(work, [work, &provider, launched](std::vector<Machine> found) {
      if (found.empty())
        provider.launch(work->launch.request, launched);
      else
        launched({std::move(found), {}});
    });
  }

  void answered(Work* work, Launched result) {
    work->machines = std::move(result.machines);
    work->refusals = std::move(result.refusals);
    bool unsure =
        work->machines.empty() && std::ranges::any_of(work->refusals, [](const Refusal& r) {
          return r.cause == Cause::unavailable;
        });
    if (unsure)
      find(work, [work](std::vector<Machine> found) { work->machines = std::move(found); });
  }

  // What a launch has made is found by its token.
  void find(Work* work, std::function<void(std::vector<Machine>)> done) {
    s_.places.at(work->launch.place)
        .find(work->launch.token, [done = std::move(done)](const Found& found) {
          std::vector<Machine> alive;
          if (found)
            for (const Machine& m : *found)
              if (m.life != Life::ended) alive.push_back(m);
          done(std::move(alive));
        });
  }

  void share_out() {
    std::vector<Yield> yields;
    yields.reserve(works_.size());
    for (const Work& w : works_) yields.push_back({w.launch.nodes, w.machines.size()});
    std::set<std::string> served = assign(jobs_, yields, {});
    journal::Transaction t(s_.record.db());
    for (Work& work : works_) give(&work, served);
    t.commit();
  }

  void give(Work* work, const std::set<std::string>& served) {
    // A provider that launches for a certain node says which.
    auto machine_for = [&](const std::string& node) {
      auto it = std::ranges::find(work->machines, node, &Machine::node);
      if (it == work->machines.end()) it = std::ranges::find(work->machines, "", &Machine::node);
      return it;
    };
    for (const auto& name : work->launch.nodes) {
      auto machine = machine_for(name);
      if (!served.contains(name) || machine == work->machines.end()) {
        failed_.push_back({name, why_not(*work, machine != work->machines.end())});
        continue;
      }
      auto node = s_.record.node(name);
      if (!node || node->token != work->launch.token) continue;  // taken back meanwhile
      node->stage = Stage::launched;
      node->machine = *machine;
      node->machine.node = name;
      work->machines.erase(machine);
      if (node->doomed) {
        s_.record.add(Ending{node->machine.id, node->place, name, clock::wall_us()});
        s_.record.forget(name);
        say(name, Fate::ended, "it was suspended while it was being launched", node->machine);
        continue;
      }
      s_.record.put(*node);
      untold_.push_back(std::move(*node));
    }
    for (const Machine& m : work->machines)
      s_.record.add(Ending{m.id, work->launch.place, "", clock::wall_us()});
    s_.record.settle(work->launch.token);
  }

  static std::string why_not(const Work& work, bool spare) {
    if (work.refusals.empty())
      return spare ? "its job cannot get all of its nodes"
                   : "the provider gave fewer than asked for";
    const Refusal& first = work.refusals.front();
    return text::printable(first.code + ": " + first.text, kMostReason);
  }

  // An instance has its address from the start, but may not be visible yet.
  void find_addresses() {
    int64_t deadline = clock::mono_ms() + 60'000, pause = 100;
    while (true) {
      std::map<std::string, Place> missing;  // by token
      for (const Node& node : untold_)
        if (node.machine.address.empty()) missing[node.token] = node.place;
      if (missing.empty() || clock::mono_ms() >= deadline) return;
      bool progress = false;
      for (auto& [token, place] : missing)
        s_.places.at(place).find(token, [&](const Found& found) {
          if (found) progress |= learn(*found);
        });
      s_.places.settle();
      if (progress) continue;
      clock::sleep_ms(pause);
      pause = std::min<int64_t>(pause * 2, 5'000);
    }
  }

  bool learn(const std::vector<Machine>& machines) {
    std::map<std::string_view, const Machine*> by_id;
    for (const Machine& m : machines)
      if (!m.address.empty()) by_id[m.id] = &m;
    bool progress = false;
    for (Node& node : untold_) {
      auto it = by_id.find(node.machine.id);
      if (it == by_id.end() || !node.machine.address.empty()) continue;
      node.machine = *it->second;
      node.machine.node = node.name;
      progress = true;
    }
    return progress;
  }

  void tell() {
    std::vector<Machine> machines;
    for (const Node& node : untold_)
      if (!node.machine.address.empty()) machines.push_back(node.machine);
    auto told = machines.empty() ? Result<void>{} : s_.slurm.tell(machines);
    fault::point("power.told");
    journal::Transaction t(s_.record.db());
    for (Node& node : untold_) {
      if (told && !node.machine.address.empty()) node.stage = Stage::told;
      // It may have been suspended meanwhile.
      auto now = s_.record.node(node.name);
      if (now && now->token == node.token) s_.record.put(node);
      if (node.machine.address.empty())
        say(node.name, Fate::left, "its address is not known yet", node.machine);
      else if (told)
        say(node.name, Fate::told, {}, node.machine);
      else
        say(node.name, Fate::left, told.error().what, node.machine);
    }
    t.commit();
  }

  // At once, with the cause, so that its job is put back and does not wait for ResumeTimeout.
  void give_up() {
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const auto& [node, why] : failed_) by_reason[why].push_back(node);
    for (const auto& [why, nodes] : by_reason) {
      auto said = s_.slurm.change(nodes, slurm::NodeChange::down, "sluice: " + why);
      if (!said)
        log::error("cannot set " + nodes.front() + " and others down: " + said.error().what);
      for (const auto& node : nodes) say(node, Fate::failed, why);
    }
  }

  Session& s_;
  const std::vector<Job>& jobs_;
  std::vector<Work> works_;
  std::vector<Node> untold_;
  std::vector<std::pair<std::string, std::string>> failed_;  // node, why
  std::vector<Outcome> outcomes_;
};

}  // namespace

Result<std::vector<Outcome>> resume(Session& session, const std::vector<std::string>& nodes,
                                    const std::vector<Job>& jobs) {
  return Resume(session, jobs).run(nodes);
}

}  // namespace sluice::power
