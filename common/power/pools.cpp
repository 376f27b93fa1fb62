#include "common/power/pools.h"

#include <algorithm>

#include "common/base/clock.h"

namespace sluice::power {
namespace {

// By subnet, or by zone where it is known which one the subnet is in: other groups' subnets there
// are as empty.
bool is_about(const Shortage& s, const Pool& pool, const std::string& zone) {
  return s.type == pool.type && (s.subnet == pool.subnet || (!zone.empty() && s.zone == zone));
}

std::vector<Pool> empty_pools(Session& session, const std::vector<Pool>& pools, const Place& place,
                              bool spot) {
  std::vector<Shortage> shortages = session.record.shortages(clock::wall_us());
  // One that lasts longer than any may is of a clock that was wrong.
  int64_t latest = clock::wall_us() + session.config.shortage_s * 1'000'000;
  std::erase_if(shortages, [&](const Shortage& s) {
    return s.place != place || s.spot != spot || s.until_us > latest;
  });
  std::vector<Pool> out;
  if (shortages.empty()) return out;
  for (const Pool& pool : pools) {
    std::string zone = session.record.zone_of(place, pool.subnet);
    if (std::ranges::any_of(shortages, [&](const Shortage& s) { return is_about(s, pool, zone); }))
      out.push_back(pool);
  }
  return out;
}

}  // namespace

Choice choose(Session& session, const Group& group) {
  Place place = place_of(group);
  std::vector<Pool> pools = session.places.at(place).pools(group);
  Choice out{group.spot, empty_pools(session, pools, place, group.spot)};
  if (group.fallback && !pools.empty() && out.avoid.size() == pools.size())
    out = {false, empty_pools(session, pools, place, false)};
  return out;
}

void remember(Session& session, const Place& place, const std::string& group,
              const std::vector<Machine>& machines, const std::vector<Refusal>& refusals) {
  int64_t until = clock::wall_us() + session.config.shortage_s * 1'000'000;
  for (const Refusal& r : refusals) {
    session.record.count("launch_failures", group, name_of(r.cause), 1);
    if (!r.subnet.empty() && !r.zone.empty()) session.record.learn_zone(place, r.subnet, r.zone);
    // What is not about a pool, such as the account's quota, may be over in a moment.
    if (r.cause != Cause::no_capacity || r.type.empty() || (r.subnet.empty() && r.zone.empty()))
      continue;
    session.record.add(Shortage{place, r.type, r.subnet, r.zone, r.spot, r.code, until});
  }
  std::vector<std::string> learnt;
  for (const Machine& m : machines) {
    if (m.subnet.empty() || m.zone.empty() || std::ranges::find(learnt, m.subnet) != learnt.end())
      continue;
    learnt.push_back(m.subnet);
    session.record.learn_zone(place, m.subnet, m.zone);
  }
  auto spot = std::ranges::count_if(machines, [](const Machine& m) { return m.spot; });
  session.record.count("launches", group, "spot", spot);
  session.record.count("launches", group, "on-demand",
                       static_cast<int64_t>(machines.size()) - spot);
}

}  // namespace sluice::power
