#include <algorithm>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/event/types.h"
#include "common/power/notices.h"
#include "common/power/resuming.h"

namespace sluice::power {

Result<std::vector<Outcome>> Resuming::run(const std::vector<std::string>& nodes) {
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

void Resuming::say(const std::string& node, Fate fate, std::string why, const Machine& machine) {
  outcomes_.push_back({node, fate, machine.id, machine.address, std::move(why)});
}

// Launches of processes that were killed are ours from here on.
void Resuming::adopt() {
  std::vector<Launch> open = s_.record.launches();
  for (Launch& launch : open) {
    // This process's own are of an earlier call, which could not end them.
    if (launch.owner != s_.owner.name() && Owner::alive(s_.folder, launch.owner)) continue;
    journal::Transaction t(s_.record.db());
    // Another process may have been as quick.
    auto now = s_.record.launches();
    auto same = std::ranges::find_if(now, [&](const Launch& l) { return l.token == launch.token; });
    if (same == now.end() || same->owner != launch.owner) continue;
    s_.record.take_over(launch.token, s_.owner.name());
    t.commit();
    log::warning("launch " + launch.token + " of group " + launch.group +
                 " was left half done; going on with it");
    works_.push_back({std::move(launch), true, {}, {}, false, false});
  }
}

void Resuming::send(Work* work) {
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

void Resuming::answered(Work* work, Launched result) {
  work->machines = std::move(result.machines);
  work->refusals = std::move(result.refusals);
  if (work->machines.empty() && result.unsure)
    find(work, [work](const std::vector<Machine>& found) { work->machines = found; });
}

// What a launch has made is found by its token.
void Resuming::find(Work* work, const std::function<void(const std::vector<Machine>&)>& done) {
  s_.places.at(work->launch.place).find(work->launch.token, [work, done](const Found& found) {
    std::vector<Machine> alive;
    if (found)
      for (const Machine& m : *found)
        if (m.life != Life::ended) alive.push_back(m);
    work->unsure = !found;
    done(alive);
  });
}

// An instance has its address from the start, but may not be visible yet.
void Resuming::find_addresses() {
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

bool Resuming::learn(const std::vector<Machine>& machines) {
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

void Resuming::tell() {
  // What was suspended meanwhile, and perhaps launched anew, has another address by now.
  std::erase_if(untold_, [this](const Node& node) {
    auto now = s_.record.node(node.name);
    bool same = now && now->token == node.token && now->machine.id == node.machine.id;
    if (!same) say(node.name, Fate::ended, "it was suspended meanwhile", node.machine);
    return !same;
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
void Resuming::give_up() {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& [node, why] : failed_) by_reason[why].push_back(node);
  for (const auto& [why, nodes] : by_reason) {
    auto said = s_.slurm.change(nodes, slurm::NodeChange::down, "sluice: " + why);
    if (!said) log::error("cannot set " + nodes.front() + " and others down: " + said.error().what);
    for (const auto& node : nodes) say(node, Fate::failed, why);
  }
  if (spare_.empty()) return;
  auto said =
      s_.slurm.change(spare_, slurm::NodeChange::power_down, std::string("sluice: ") + kNotWhole);
  if (!said)
    log::error("cannot power down " + spare_.front() + " and others: " + said.error().what);
}

Result<std::vector<Outcome>> resume(Session& session, const std::vector<std::string>& nodes,
                                    const std::vector<Job>& jobs) {
  return Resuming(session, jobs).run(nodes);
}

}  // namespace sluice::power
