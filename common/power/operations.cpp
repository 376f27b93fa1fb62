#include "common/power/operations.h"

#include <set>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/power/notices.h"
#include "common/slurm/jobs.h"
#include "common/slurm/nodes.h"

namespace sluice::power {
namespace {

// slurmctld may be restarting; beyond this, reconciling goes on with it.
constexpr int64_t kPatienceMs = 60'000;
constexpr int64_t kVisibleUs = 120'000'000;

template <class Call>
Result<void> until_said(Call call) {
  int64_t deadline = clock::mono_ms() + kPatienceMs;
  while (true) {
    Result<void> said = call();
    if (said || clock::mono_ms() >= deadline) return said;
    clock::sleep_ms(1'000);
  }
}

}  // namespace

const char* name_of(Cause cause) {
  switch (cause) {
    case Cause::throttled:
      return "throttled";
    case Cause::no_capacity:
      return "no_capacity";
    case Cause::quota:
      return "quota";
    case Cause::configuration:
      return "configuration";
    case Cause::credentials:
      return "credentials";
    case Cause::unavailable:
      return "unavailable";
  }
  return "unknown";
}

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::told:
      return "launched";
    case Fate::already:
      return "already launched";
    case Fate::failed:
      return "failed";
    case Fate::left:
      return "left for reconciling";
    case Fate::foreign:
      return "not ours";
    case Fate::ended:
      return "ended";
    case Fate::none:
      return "had none";
    case Fate::mended:
      return "mended";
    case Fate::planned:
      return "planned";
  }
  return "unknown";
}

Provider& Places::at(const Place& place) {
  ProviderPtr& provider = made_[place];
  if (!provider) provider = maker_(place);
  return *provider;
}

std::map<std::string, int64_t> Places::take_calls() {
  std::map<std::string, int64_t> out;
  for (auto& [place, provider] : made_)
    for (const auto& [action, n] : provider->take_calls()) out[action] += n;
  return out;
}

void Places::settle() {
  for (bool busy = true; busy;) {
    busy = false;
    for (auto& [place, provider] : made_) busy |= provider->poll(100);
  }
}

void finish(Session& session) {
  if (auto calls = session.places.take_calls(); !calls.empty()) {
    journal::Transaction t(session.record.db());
    for (const auto& [action, n] : calls) session.record.count("api_calls", "", action, n);
    t.commit();
  }
  hand_over(session.record, session.config.event_socket);
}

void end_marked(Session& session) {
  std::map<Place, std::vector<std::string>> endings;
  std::set<std::string> young;
  int64_t now = clock::wall_us();
  for (const Ending& e : session.record.endings()) {
    endings[e.place].push_back(e.machine);
    if (now - e.since_us < kVisibleUs) young.insert(e.machine);
  }
  std::vector<std::string> gone;
  for (auto& [place, ids] : endings)
    session.places.at(place).terminate(ids, [&](const Ended& ended) {
      gone.insert(gone.end(), ended.ids.begin(), ended.ids.end());
      // One that was launched a moment ago may not be known everywhere yet.
      for (const auto& id : ended.unknown)
        if (!young.contains(id)) gone.push_back(id);
      for (const Refusal& r : ended.refusals)
        log::warning("machines that are to end: " + r.code + ": " + r.text);
    });
  session.places.settle();
  fault::point("power.terminated");
  if (gone.empty()) return;
  journal::Transaction t(session.record.db());
  for (const auto& id : gone) session.record.ended(id);
  t.commit();
}

Slurm real_slurm() {
  Slurm out;
  out.nodes = slurm::load_nodes;
  out.tell = [](const std::vector<Machine>& machines) {
    std::vector<slurm::NodeAddress> list;
    list.reserve(machines.size());
    for (const Machine& m : machines) list.push_back({m.node, m.address, m.hostname});
    return until_said([&] { return slurm::set_addresses(list); });
  };
  out.change = [](const std::vector<std::string>& nodes, slurm::NodeChange change,
                  const std::string& reason) {
    return until_said([&] { return slurm::change_nodes(nodes, change, reason); });
  };
  out.uid = slurm::facts().slurm_uid;
  return out;
}

}  // namespace sluice::power
