#include <algorithm>

#include "common/base/text.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/notices.h"
#include "common/power/pass.h"

namespace sluice::power {
namespace {

std::set<std::string> known_machines(const Pass& pass) {
  std::set<std::string> out;
  for (const auto& [name, row] : pass.rows) out.insert(row.machine.id);
  for (const Ending& e : pass.s.record.endings()) out.insert(e.machine);
  return out;
}

Node row_for(const std::string& name, const Group& group, const Place& place, const Machine& m) {
  Node row;
  row.name = name;
  row.token = m.launch;
  row.place = place;
  row.group = group.prefix();
  row.stage = Stage::told;
  row.machine = m;
  row.machine.node = name;
  row.since_us = m.since_us;
  return row;
}

}  // namespace

void adopt(Pass& pass, const std::vector<slurm::NodeInfo>& nodes) {
  std::multimap<std::string, const slurm::NodeInfo*> at;
  for (const slurm::NodeInfo& n : nodes)
    if (n.cloud && !n.powered_down && !n.powering_down && !n.address.empty() &&
        !pass.rows.contains(n.name) && group_of(pass.s.config, n.name) != nullptr)
      at.emplace(n.address, &n);
  if (at.empty()) return;
  std::set<std::string> known = known_machines(pass);
  journal::Transaction t(pass.s.record.db());
  for (const auto& [place, list] : pass.machines)
    for (const Machine& m : list) {
      if (known.contains(m.id) || m.life == Life::ending || m.life == Life::ended) continue;
      auto [n, end] = at.equal_range(m.address);
      // Local processes share an address, and say themselves whose they are.
      if (place.provider == ProviderKind::process)
        n = std::find_if(n, end, [&](const auto& one) { return one.second->name == m.node; });
      if (n == end || pass.s.record.node(n->second->name)) continue;  // or launched since
      Node row = row_for(n->second->name, *group_of(pass.s.config, n->second->name), place, m);
      pass.s.record.put(row);
      pass.say(row.name, "its machine was not in the record; it is now", m);
      pass.rows[row.name] = std::move(row);
      at.erase(n);
    }
  t.commit();
}

std::vector<std::string> forgotten(Pass& pass, const std::vector<slurm::NodeInfo>& nodes) {
  std::set<std::string> known;
  for (const slurm::NodeInfo& n : nodes)
    if (!n.powered_down || group_of(pass.s.config, n.name) != nullptr) known.insert(n.name);
  std::vector<std::string> out;
  for (const auto& [name, row] : pass.rows) {
    if (row.stage == Stage::launching || known.contains(name)) continue;
    int64_t since = pass.s.record.seen(name, kForgotten, pass.us);
    if (pass.us - since >= pass.s.config.orphan_s * 1'000'000) out.push_back(name);
  }
  return out;
}

void end_orphans(Pass& pass) {
  std::set<std::string> known = known_machines(pass), tokens;
  for (const Launch& l : pass.s.record.launches()) tokens.insert(l.token);
  journal::Transaction t(pass.s.record.db());
  for (const auto& [place, list] : pass.machines)
    for (const Machine& m : list) {
      if (known.contains(m.id) || tokens.contains(m.launch)) continue;
      if (pass.us - m.since_us < pass.s.config.orphan_s * 1'000'000) continue;
      pass.s.record.add(Ending{m.id, place, m.node, pass.us});
      Node none;
      none.name = text::is_name(m.node) ? m.node : m.id;
      none.place = place;
      none.machine = m;
      none.token = m.launch;
      none.since_us = m.since_us;
      tell_of(pass.s, event::kNodeOrphan, none, "a machine that no node has");
      pass.say(none.name, "a machine that no node has; it ends", m);
    }
  t.commit();
}

}  // namespace sluice::power
