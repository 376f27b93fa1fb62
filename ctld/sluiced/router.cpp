#include "ctld/sluiced/router.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/event/selection.h"
#include "ctld/sluiced/groups.h"

namespace sluice::daemon {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

void add(std::vector<std::string>* sinks, const std::string& name) {
  if (!contains(*sinks, name)) sinks->push_back(name);
}

}  // namespace

bool Router::asks_for_groups() const {
  return std::ranges::any_of(config_->sinks,
                             [](const auto& s) { return !s.second.allow.groups.empty(); });
}

std::string Router::refusal(const config::SinkConfig& sink, const journal::Run& run) const {
  std::string who = "user " + text::printable(run.user);
  if (!sink.named_by_users) return "sink " + sink.name + " may not be named with --event-sink";
  const auto& allow = sink.allow;
  // As sbatch's check does: names, numbers, or "*" for everybody.
  if (!allow.users.empty() && !contains(allow.users, run.user) &&
      !contains(allow.users, std::to_string(run.uid)) && !contains(allow.users, "*"))
    return who + " is not among the users sink " + sink.name + " allows";
  if (!allow.groups.empty()) {
    const auto* mine = groups_of(run.user);
    if (mine == nullptr) return "the name service does not say which groups " + who + " is in";
    if (std::ranges::none_of(allow.groups, [&](const auto& g) { return contains(*mine, g); }))
      return who + " is in none of the groups sink " + sink.name + " allows";
  }
  if (!allow.accounts.empty() && !contains(allow.accounts, run.account))
    return "account " + text::printable(run.account) + " is not among those sink " + sink.name +
           " allows";
  if (!allow.partitions.empty() && !contains(allow.partitions, run.partition))
    return "partition " + text::printable(run.partition) + " is not among those sink " + sink.name +
           " allows";
  return {};
}

void Router::by_selection(const std::string& text, const journal::Run& run, uint32_t bits,
                          Routed* out) const {
  Selection selection{};
  char why[256] = {};
  if (!parse_selection(text.c_str(), &selection, why, sizeof why))
    out->refused.push_back({"", std::string("--event-sink: ") + why});
  for (size_t i = 0; i < selection.count; ++i) {
    const auto& wanted = selection.sinks[i];
    if ((wanted.events & bits) == 0) continue;
    auto sink = config_->sinks.find(wanted.name);
    std::string no = sink == config_->sinks.end() ? "no sink is named " + std::string(wanted.name)
                                                  : refusal(sink->second, run);
    if (no.empty())
      add(&out->sinks, wanted.name);
    else
      out->refused.push_back({wanted.name, no});
  }
}

Routed Router::route(const Json& event, const journal::Run* run,
                     const std::vector<std::string>& selections, uint32_t bits) const {
  Routed out;
  if (run != nullptr && bits != 0) {
    for (const auto& text : selections)
      if (!text.empty()) by_selection(text, *run, bits, &out);
    auto it = config_->partitions.find(run->partition);
    Selection selection{};
    char why[256] = {};
    if (it != config_->partitions.end() &&
        parse_selection(it->second.c_str(), &selection, why, sizeof why))
      for (size_t i = 0; i < selection.count; ++i)
        if ((selection.sinks[i].events & bits) != 0) add(&out.sinks, selection.sinks[i].name);
  }
  for (const auto& route : config_->routes)
    if (route.pattern.matches(event))
      for (const auto& s : route.sinks) add(&out.sinks, s);
  return out;
}

}  // namespace sluice::daemon
