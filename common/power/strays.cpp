#include <algorithm>

#include "common/base/text.h"
#include "common/event/types.h"
#include "common/power/names.h"
#include "common/power/notices.h"
#include "common/power/pass.h"

namespace sluice::power {
namespace {

// A machine of so recent a launch may not be visible yet.
constexpr int64_t kVisibleUs = 120'000'000;

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
  // An address that nodes share proves nothing, but of local processes, which say whose they are.
  std::map<std::string, std::vector<const slurm::NodeInfo*>> at;
  for (const slurm::NodeInfo& n : nodes)
    if (n.cloud && !n.address.empty() && group_of(pass.s.config, n.name) != nullptr)
      at[n.address].push_back(&n);
  journal::Transaction t(pass.s.record.db());
  // As it is now, not as it was before the providers were asked.
  std::set<std::string> known, tokens, taken;
  for (const Node& row : pass.s.record.nodes()) {
    known.insert(row.machine.id);
    taken.insert(row.name);
  }
  for (const Launch& l : pass.s.record.launches()) tokens.insert(l.token);
  for (const Ending& e : pass.s.record.endings()) known.insert(e.machine);
  for (const auto& [place, list] : pass.machines)
    for (const Machine& m : list) {
      if (known.contains(m.id) || tokens.contains(m.launch) || m.address.empty() ||
          m.life == Life::ending || m.life == Life::ended)
        continue;
      const slurm::NodeInfo* node = nullptr;
      for (const slurm::NodeInfo* n : at[m.address])
        if (place.provider != ProviderKind::process ? at[m.address].size() == 1 : n->name == m.node)
          node = n;
      bool in_use = node != nullptr && !node->powered_down && !node->powering_down && !node->down;
      if (!in_use || !taken.insert(node->name).second) continue;
      Node row = row_for(node->name, *group_of(pass.s.config, node->name), place, m);
      pass.s.record.put(row);
      pass.say(row.name, "its machine was not in the record; it is now", m);
      pass.rows[row.name] = std::move(row);
    }
  t.commit();
}

void strike_ended(Pass& pass) {
  journal::Transaction t(pass.s.record.db());
  for (const Ending& e : pass.s.record.endings())
    if (pass.machines.contains(e.place) && !pass.alive.contains(e.machine) &&
        pass.us - e.since_us > kVisibleUs)
      pass.s.record.ended(e.machine);
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
