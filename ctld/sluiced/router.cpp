#include "ctld/sluiced/router.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/event/selection.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kGroupsAgeMs = 300'000;

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

// A user's groups by name; remembered for five minutes, because a name service may be slow.
const std::vector<std::string>& groups_of(const std::string& user) {
  struct Known {
    int64_t at_ms = 0;
    std::vector<std::string> groups;
  };
  static std::map<std::string, Known> known;  // the importer's thread alone routes
  auto [it, fresh] = known.try_emplace(user);
  if (!fresh && clock::mono_ms() - it->second.at_ms < kGroupsAgeMs) return it->second.groups;
  it->second = {clock::mono_ms(), {}};
  char buf[16384];
  passwd pw{};
  passwd* found = nullptr;
  if (getpwnam_r(user.c_str(), &pw, buf, sizeof buf, &found) != 0 || found == nullptr)
    return it->second.groups;
  gid_t gids[256];
  int n = 256;
  if (getgrouplist(user.c_str(), pw.pw_gid, gids, &n) < 0) n = 256;
  for (int i = 0; i < n; ++i) {
    group gr{};
    group* g = nullptr;
    if (getgrgid_r(gids[i], &gr, buf, sizeof buf, &g) == 0 && g != nullptr)
      it->second.groups.emplace_back(g->gr_name);
  }
  return it->second.groups;
}

void add(std::vector<std::string>* sinks, const std::string& name) {
  if (!contains(*sinks, name)) sinks->push_back(name);
}

}  // namespace

void Router::look_up(const std::string& user) const {
  bool asks = std::ranges::any_of(config_->sinks,
                                  [](const auto& s) { return !s.second.allow.groups.empty(); });
  if (asks && !user.empty()) groups_of(user);
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
    const auto& mine = groups_of(run.user);
    if (std::ranges::none_of(allow.groups, [&](const auto& g) { return contains(mine, g); }))
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
