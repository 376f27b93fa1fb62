// resume(): one launch a group, whatever the number of nodes, then one look for addresses and one
// word to slurmctld.
#include <algorithm>
#include <deque>
#include <set>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/notices.h"
#include "common/power/operations.h"
#include "common/power/pools.h"

namespace sluice::power {
namespace {

// A node that was launched so recently is booting, whoever asks again. Later, slurmctld has asked
// anew, and would wait for ever for a machine that booted before that.
constexpr int64_t kFreshUs = 20'000'000;
constexpr size_t kMostReason = 120;
// How long the rest of a job is turned away, whose first nodes could not come: slurmctld asks for
// it within ResumeRate's minutes.
constexpr int64_t kForsakenUs = 300'000'000;
// A launch that was left half done so long ago is not begun again.
constexpr int64_t kStaleUs = 600'000'000;
constexpr const char* kNotWhole = "its job cannot get all of its nodes";

struct Work {
  Launch launch;
  bool adopted = false;  // begun by a killed one: it may have been sent
  std::vector<Machine> machines;
  std::vector<Refusal> refusals;
  bool spot = false;
  bool stale = false;   // nobody waits for it any more: what it has not made, it shall not make
  bool unsure = false;  // it may have made something, and nobody can say: it stays open
};

class Resume {
 public:
  Resume(Session& session, const std::vector<Job>& jobs) : s_(session), jobs_(jobs) {}

  Result<std::vector<Outcome>> run(const std::vector<std::string>& nodes) {
    try {
      adopt();
      if (!works_.empty() || !nodes.empty())
        if (auto ok = ask_slurm(); !ok) return std::unexpected(ok.error());
      claim(nodes);
      fault::point("power.recorded");
      for (Work& work : works_) send(&work);
      s_.places.settle();
      fault::point("power.answered");
      if (fall_back()) s_.places.settle();
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
      // This process's own are of an earlier call, which could not end them.
      if (launch.owner != s_.owner.name() && Owner::alive(s_.folder, launch.owner)) continue;
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
      works_.push_back({std::move(launch), true, {}, {}, false, false, false});
    }
  }

  Result<void> ask_slurm() {
    auto known = s_.slurm.nodes();
    if (!known) return std::unexpected(known.error());
    for (auto& node : *known) slurm_.emplace(node.name, std::move(node));
    for (Work& work : works_)
      work.stale = clock::wall_us() - work.launch.made_us > kStaleUs ||
                   std::ranges::none_of(work.launch.nodes, [this](const std::string& name) {
                     auto node = slurm_.find(name);
                     return node != slurm_.end() && node->second.powering_up;
                   });
    return {};
  }

  void claim(const std::vector<std::string>& nodes) {
    Sorted sorted = sort_by_group(s_.config, nodes);
    for (const auto& node : sorted.foreign)
      say(node, Fate::foreign, "no node group of the configuration has it");
    std::set<std::string> needed;
    for (const Job& job : jobs_) needed.insert(job.nodes.begin(), job.nodes.end());
    journal::Transaction t(s_.record.db());
    for (auto& [group, wanted] : sorted.groups) {
      std::vector<std::string> free;
      for (const auto& node : wanted) {
        if (!slurm_.contains(node))
          say(node, Fate::foreign, "slurmctld does not know it; is slurm.conf.aws in slurm.conf?");
        else if (may_launch(*group, node, needed.contains(node)))
          free.push_back(node);
      }
      if (!free.empty()) add_work(*group, std::move(free), choose(s_, *group));
    }
    t.commit();
  }

  void add_work(const Group& group, std::vector<std::string> nodes, Choice choice) {
    Launch launch;
    launch.nodes = std::move(nodes);
    launch.token = make_token();
    launch.place = place_of(group);
    launch.group = group.prefix();
    launch.owner = s_.owner.name();
    launch.made_us = clock::wall_us();
    launch.request = s_.places.at(launch.place)
                         .render({&group, launch.token, s_.cluster, launch.nodes, choice.spot,
                                  std::move(choice.avoid)});
    s_.record.add(launch);
    works_.push_back({std::move(launch), false, {}, {}, choice.spot, false, false});
  }

  // False for a node that must not be launched now, though it could be.
  bool is_wanted(const Group& group, const std::string& name, bool by_a_job) {
    int64_t now = clock::wall_us();
    if (auto why = s_.record.forsaken(name, now); why && !by_a_job) {
      fail_node(group, name, *why);
      return false;
    }
    Trouble trouble = s_.record.trouble(group.prefix());
    int64_t age = now - trouble.last_us;  // below 0: of a clock that was wrong
    if (trouble.failures < s_.config.boot_failures || age < 0 ||
        age > s_.config.protect_s * 1'000'000)
      return true;
    fail_node(group, name,
              "group " + group.prefix() + " is left alone: the last " +
                  std::to_string(trouble.failures) + " nodes of it booted and never registered");
    return false;
  }

  void fail_node(const Group& group, const std::string& name, const std::string& why) {
    Node node;
    node.name = name;
    node.group = group.prefix();
    node.place = place_of(group);
    node.token = make_token();
    give_up_on(node, why);
  }

  // Inside a transaction.
  void give_up_on(const Node& node, const std::string& why) {
    s_.record.set_error(node.name, why, clock::wall_us());
    tell_of(s_, event::kNodeFailed, node, why);
    failed_.emplace_back(node.name, why);
  }

  // What spot could not give is launched on demand, where the group wants that.
  bool fall_back() {
    size_t before = works_.size();
    for (size_t i = 0; i < before; ++i) {
      Work& work = works_[i];
      bool empty = std::ranges::any_of(
          work.refusals, [](const Refusal& r) { return r.spot && r.cause == Cause::no_capacity; });
      if (work.unsure || !empty || work.machines.size() >= work.launch.nodes.size()) continue;
      const Group* group = group_of(s_.config, work.launch.nodes.front());
      if (group == nullptr || !group->fallback || place_of(*group) != work.launch.place) continue;
      move_to_on_demand(&work, *group);
    }
    if (works_.size() == before) return false;
    fault::point("power.fallback");
    for (size_t i = before; i < works_.size(); ++i) send(&works_[i]);
    return true;
  }

  void move_to_on_demand(Work* work, const Group& group) {
    std::vector<std::string> rest, moved;
    size_t missing = work->launch.nodes.size() - work->machines.size();
    journal::Transaction t(s_.record.db());
    for (const auto& name : work->launch.nodes) {
      auto row = s_.record.node(name);
      // One that was suspended meanwhile, or is another launch's by now, stays where it is.
      bool ours = row && row->token == work->launch.token && !row->doomed;
      (ours && moved.size() < missing ? moved : rest).push_back(name);
    }
    work->launch.nodes = std::move(rest);
    if (!moved.empty()) add_work(group, std::move(moved), {false, {}});
    if (work->launch.nodes.empty()) s_.record.settle(work->launch.token);
    t.commit();
  }

  // False where somebody is at it, it is in use, or it must not be launched now. A machine that is
  // left over from an earlier life of the node ends.
  bool may_launch(const Group& group, const std::string& name, bool by_a_job) {
    auto node = s_.record.node(name);
    if (node && node->stage == Stage::launching) {
      if (!adopted(node->token)) say(name, Fate::already, "its launch is under way");
      return false;
    }
    const slurm::NodeInfo& known = slurm_.at(name);
    bool in_use = !known.powering_up && !known.powered_down && !known.powering_down && !known.down;
    if (node && in_use) {
      say(name, Fate::already, "it is in use", node->machine);
      return false;
    }
    if (node && is_fresh(*node)) {
      // Perhaps slurmctld was killed and has forgotten the address.
      untold_.push_back(*node);
      return false;
    }
    if (!is_wanted(group, name, by_a_job)) return false;
    if (node) end_node(s_, *node, event::kNodeSuspend, "it is launched anew");
    return true;
  }

  static bool is_fresh(const Node& node) {
    int64_t age = clock::wall_us() - node.since_us;  // below 0: of a clock that was wrong
    return age >= 0 && age < kFreshUs;
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
    find(work, [work, &provider, launched](const std::vector<Machine>& found) {
      if (found.empty() && !work->stale && !work->unsure)
        provider.launch(work->launch.request, launched);
      else
        launched({found, {}, false});
    });
  }

  void answered(Work* work, Launched result) {
    work->machines = std::move(result.machines);
    work->refusals = std::move(result.refusals);
    if (work->machines.empty() && result.unsure)
      find(work, [work](const std::vector<Machine>& found) { work->machines = found; });
  }

  // What a launch has made is found by its token.
  void find(Work* work, const std::function<void(const std::vector<Machine>&)>& done) {
    s_.places.at(work->launch.place).find(work->launch.token, [work, done](const Found& found) {
      std::vector<Machine> alive;
      if (found)
        for (const Machine& m : *found)
          if (m.life != Life::ended) alive.push_back(m);
      work->unsure = !found;
      done(alive);
    });
  }

  void share_out() {
    std::vector<Yield> yields;
    yields.reserve(works_.size());
    for (const Work& w : works_)
      if (!w.unsure) yields.push_back({w.launch.nodes, w.machines.size()});
    std::set<std::string> lost;
    for (const auto& [node, why] : failed_) lost.insert(node);
    std::set<std::string> served = assign(jobs_, yields, lost);
    journal::Transaction t(s_.record.db());
    for (Work& work : works_) {
      if (work.unsure) {
        for (const auto& node : work.launch.nodes)
          say(node, Fate::left, "whether its machine was launched is not known yet");
        continue;
      }
      remember(s_, work.launch.place, work.launch.group, work.machines, work.refusals);
      give(&work, served);
    }
    keep_jobs_whole();
    t.commit();
  }

  // slurmctld may ask for a job's nodes in several calls (ResumeRate). Where one cannot come, those
  // that come later are turned away, and those that boot already go.
  void keep_jobs_whole() {
    std::set<std::string> lost, here;
    for (const auto& [node, why] : failed_) lost.insert(node);
    for (const Job& job : jobs_) here.insert(job.nodes.begin(), job.nodes.end());
    for (const Job& job : jobs_) {
      if (std::ranges::none_of(job.nodes, [&](const auto& n) { return lost.contains(n); }))
        continue;
      for (const auto& name : job.all) {
        if (here.contains(name)) continue;
        auto node = s_.record.node(name);
        if (!node)
          s_.record.forsake(name, clock::wall_us() + kForsakenUs, kNotWhole);
        else if (node->ready_us == 0)
          spare_.push_back(name);
      }
    }
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
        auto row = s_.record.node(name);
        // Suspended or taken back meanwhile, or of long ago: nobody waits for it.
        if (row && row->token == work->launch.token && !row->doomed && !work->stale)
          give_up_on(*row, why_not(*work, machine != work->machines.end()));
        continue;
      }
      auto node = s_.record.node(name);
      if (!node || node->token != work->launch.token) continue;  // taken back meanwhile
      node->stage = Stage::launched;
      node->machine = *machine;
      node->machine.node = name;
      work->machines.erase(machine);
      if (node->doomed) {
        end_node(s_, *node, event::kNodeSuspend, "suspended while it was being launched");
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
    if (work.refusals.empty()) return spare ? kNotWhole : "the provider gave fewer than asked for";
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
    // What was suspended meanwhile, and perhaps launched anew, has another address by now.
    std::erase_if(untold_, [this](const Node& node) {
      auto now = s_.record.node(node.name);
      return !now || now->token != node.token || now->machine.id != node.machine.id;
    });
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
      if (now && now->token == node.token) {
        s_.record.put(node);
        if (node.stage == Stage::told && now->stage != Stage::told)
          tell_of(s_, event::kNodeResume, node);
      }
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
    if (spare_.empty()) return;
    auto said =
        s_.slurm.change(spare_, slurm::NodeChange::power_down, std::string("sluice: ") + kNotWhole);
    if (!said)
      log::error("cannot power down " + spare_.front() + " and others: " + said.error().what);
  }

  Session& s_;
  const std::vector<Job>& jobs_;
  std::map<std::string, slurm::NodeInfo> slurm_;  // as slurmctld had them
  std::deque<Work> works_;                        // calls under way point to them
  std::vector<Node> untold_;
  std::vector<std::pair<std::string, std::string>> failed_;  // node, why
  std::vector<std::string> spare_;                           // that boot for a job that cannot run
  std::vector<Outcome> outcomes_;
};

}  // namespace

Result<std::vector<Outcome>> resume(Session& session, const std::vector<std::string>& nodes,
                                    const std::vector<Job>& jobs) {
  return Resume(session, jobs).run(nodes);
}

}  // namespace sluice::power
