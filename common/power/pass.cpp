#include "common/power/pass.h"

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::power {
Pass::Pass(Session& session) : s(session), us(clock::wall_us()) {}

void Pass::look() {
  for (Node& node : s.record.nodes()) rows.emplace(node.name, std::move(node));
  // Every place that the configuration or the record knows.
  std::set<Place> places;
  for (const Partition& p : s.config.partitions)
    for (const Group& g : p.groups) places.insert(place_of(g));
  for (const auto& [name, row] : rows) places.insert(row.place);
  for (const Place& place : places)
    s.places.at(place).list(s.cluster, [this, place](const Found& found) {
      if (found)
        machines.emplace(place, *found);
      else
        log::warning("cannot list the machines of " +
                     (place.region.empty() ? "this host" : place.region) + ": " +
                     found.error().code + ": " + found.error().text);
    });
  s.places.settle();
  for (const auto& [place, list] : machines)
    for (const Machine& m : list) alive.insert(m.id);
  // EC2 shows instances that ended for about an hour, and why they did. One that is in no answer at
  // all is slurmctld's to give up, when it does not respond.
  std::map<std::string, Place> tokens;
  for (const auto& [name, row] : rows) {
    if (!missing(row)) continue;
    if (row.place.provider == ProviderKind::process)
      ended.insert(row.machine.id);
    else
      tokens.emplace(row.token, row.place);
  }
  for (const auto& [token, place] : tokens)
    s.places.at(place).find(token, [this](const Found& found) {
      if (found)
        for (const Machine& m : *found)
          (m.life == Life::ended || m.life == Life::ending ? ended : alive).insert(m.id);
      if (!found) return;
      for (auto& [name, row] : rows)
        for (const Machine& m : *found)
          if (m.id == row.machine.id) row.machine.why = m.why;
    });
  s.places.settle();
}

bool Pass::missing(const Node& row) const {
  return row.stage != Stage::launching && machines.contains(row.place) &&
         !alive.contains(row.machine.id);
}

bool Pass::is_new(const std::string& node, int what) {
  return s.record.seen(node, what, us) == us;
}

void Pass::say(const std::string& node, std::string why, const Machine& machine) {
  out.push_back({node, Fate::mended, machine.id, machine.address, std::move(why)});
}

}  // namespace sluice::power
