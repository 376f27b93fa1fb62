// Who gets the machines that came, and what becomes of those that nobody does.
#include <algorithm>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/event/types.h"
#include "common/power/notices.h"
#include "common/power/resuming.h"

namespace sluice::power {
namespace {

constexpr size_t kMostReason = 120;
// How long the rest of a job is turned away, whose first nodes could not come: slurmctld asks for
// it within ResumeRate's minutes.
constexpr int64_t kForsakenUs = 300'000'000;

}  // namespace

void Resuming::share_out() {
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
void Resuming::keep_jobs_whole() {
  std::set<std::string> lost, here;
  for (const auto& [node, why] : failed_) lost.insert(node);
  for (const Job& job : jobs_) here.insert(job.nodes.begin(), job.nodes.end());
  for (const Job& job : jobs_) {
    if (std::ranges::none_of(job.nodes, [&](const auto& n) { return lost.contains(n); })) continue;
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

void Resuming::give(Work* work, const std::set<std::string>& served) {
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

std::string Resuming::why_not(const Work& work, bool spare) {
  if (work.refusals.empty()) return spare ? kNotWhole : "the provider gave fewer than asked for";
  const Refusal& first = work.refusals.front();
  return text::printable(first.code + ": " + first.text, kMostReason);
}

}  // namespace sluice::power
