// --dry-run: what resume and suspend would do, and whether the provider would let them. Nothing is
// recorded, launched, ended or told.
#include "common/power/names.h"
#include "common/power/operations.h"
#include "common/power/pools.h"

namespace sluice::power {
namespace {

std::string in_words(const Permission& p) {
  using enum Permission::Answer;
  if (p.answer == yes) return p.action + ": allowed";
  return p.action + (p.answer == no ? ": refused: " : ": not known: ") + p.text;
}

Fate fate_of(const std::vector<Permission>& found) {
  for (const Permission& p : found)
    if (p.answer == Permission::Answer::no) return Fate::failed;
  return Fate::planned;
}

void plan_group(Session& session, const Group& group, const std::vector<std::string>& nodes,
                std::vector<Outcome>* out) {
  std::vector<std::string> free;
  for (const auto& name : nodes) {
    auto row = session.record.node(name);
    if (!row)
      free.push_back(name);
    else
      out->push_back(
          {name, Fate::already, row->machine.id, row->machine.address, "it has a machine"});
  }
  if (free.empty()) return;
  Choice choice = choose(session, group);
  Provider& provider = session.places.at(place_of(group));
  provider.probe({&group, make_token(), session.cluster, free, choice.spot, choice.avoid},
                 [&](const std::vector<Permission>& found) {
                   std::string why = std::string("would be launched ") +
                                     (choice.spot ? "as spot" : "on demand") + ", one of " +
                                     std::to_string(free.size());
                   for (const Permission& p : found) why += "; " + in_words(p);
                   for (const auto& name : free)
                     out->push_back({name, fate_of(found), "", "", why});
                 });
  session.places.settle();
}

}  // namespace

Result<std::vector<Outcome>> plan_resume(Session& session, const std::vector<std::string>& nodes) {
  std::vector<Outcome> out;
  try {
    Sorted sorted = sort_by_group(session.config, nodes);
    for (const auto& node : sorted.foreign)
      out.push_back({node, Fate::foreign, "", "", "no node group of the configuration has it"});
    for (const auto& [group, names] : sorted.groups) plan_group(session, *group, names, &out);
  } catch (const journal::DbError& e) {
    return fail(e.what);
  }
  return out;
}

Result<std::vector<Outcome>> plan_suspend(Session& session, const std::vector<std::string>& nodes) {
  std::vector<Outcome> out;
  try {
    for (const auto& name : nodes) {
      auto row = session.record.node(name);
      if (!row)
        out.push_back({name, Fate::none, "", "", "no machine is recorded for it"});
      else
        out.push_back(
            {name, Fate::planned, row->machine.id, row->machine.address, "would be ended"});
    }
  } catch (const journal::DbError& e) {
    return fail(e.what);
  }
  return out;
}

}  // namespace sluice::power
