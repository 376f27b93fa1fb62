// What a run of resume() launches, and what it must not.
#include <algorithm>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/notices.h"
#include "common/power/resuming.h"

namespace sluice::power {
namespace {

// A node that was launched so recently is booting, whoever asks again. Later, slurmctld has asked
// anew, and would wait for ever for a machine that booted before that.
constexpr int64_t kFreshUs = 20'000'000;
// A launch that was left half done so long ago is not begun again.
constexpr int64_t kStaleUs = 600'000'000;

bool is_fresh(const Node& node) {
  int64_t age = clock::wall_us() - node.since_us;  // below 0: of a clock that was wrong
  return age >= 0 && age < kFreshUs;
}

}  // namespace

Result<void> Resuming::ask_slurm() {
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

void Resuming::claim(const std::vector<std::string>& nodes) {
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

// False where somebody is at it, it is in use, or it must not be launched now. A machine that is
// left over from an earlier life of the node ends.
bool Resuming::may_launch(const Group& group, const std::string& name, bool by_a_job) {
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

// False for a node that must not be launched now, though it could be.
bool Resuming::is_wanted(const Group& group, const std::string& name, bool by_a_job) {
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

void Resuming::fail_node(const Group& group, const std::string& name, const std::string& why) {
  Node node;
  node.name = name;
  node.group = group.prefix();
  node.place = place_of(group);
  node.token = make_token();
  give_up_on(node, why);
}

// Inside a transaction.
void Resuming::give_up_on(const Node& node, const std::string& why) {
  s_.record.set_error(node.name, why, clock::wall_us());
  tell_of(s_, event::kNodeFailed, node, why);
  failed_.emplace_back(node.name, why);
}

void Resuming::add_work(const Group& group, std::vector<std::string> nodes, Choice choice) {
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
  works_.push_back({std::move(launch), false, {}, {}, false, false});
}

// What spot could not give is launched on demand, where the group wants that.
bool Resuming::fall_back() {
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

void Resuming::move_to_on_demand(Work* work, const Group& group) {
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

bool Resuming::adopted(const std::string& token) const {
  return std::ranges::any_of(works_, [&](const Work& w) { return w.launch.token == token; });
}

}  // namespace sluice::power
