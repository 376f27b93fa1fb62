#include "ctld/sluiced/groups.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "common/base/entry.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kAgeMs = 300'000;
constexpr int64_t kLessMs = 3'600'000;  // for so long an answer that names fewer groups is doubted
constexpr int64_t kSlowMs = 1'000;
constexpr int64_t kQuietMs = 60'000;  // after the name service failed, or was slow
constexpr int64_t kFailedMs = 1'000;  // after it failed at once, for users of whom nothing is known
constexpr size_t kMostUsers = 100'000;

struct Known {
  int64_t next_ms = 0;  // when to ask again
  int64_t sure_ms = 0;  // when it was last said in full
  std::optional<std::vector<std::string>> groups;
};

std::map<std::string, Known>& cache() {
  static std::map<std::string, Known> known;
  return known;
}

bool fewer(const std::vector<std::string>& now, const std::vector<std::string>& before) {
  return std::ranges::any_of(before,
                             [&](const auto& g) { return std::ranges::find(now, g) == now.end(); });
}

}  // namespace

std::optional<std::vector<std::string>> ask_name_service(const std::string& user) {
  std::string buffer;
  std::vector<std::string> out;
  passwd pw{};
  passwd* found = nullptr;
  int rc = with_room(&buffer, [&](char* at, size_t size) {
    return getpwnam_r(user.c_str(), &pw, at, size, &found);
  });
  if (rc != 0) return std::nullopt;
  if (found == nullptr) return out;  // or so it says
  std::vector<gid_t> gids(64);
  int n = static_cast<int>(gids.size());
  while (getgrouplist(user.c_str(), pw.pw_gid, gids.data(), &n) < 0) {
    if (n <= static_cast<int>(gids.size())) n = static_cast<int>(gids.size()) * 2;
    gids.resize(static_cast<size_t>(n));
  }
  gids.resize(static_cast<size_t>(n));
  for (gid_t gid : gids) {
    group gr{};
    group* g = nullptr;
    rc = with_room(&buffer,
                   [&](char* at, size_t size) { return getgrgid_r(gid, &gr, at, size, &g); });
    if (rc != 0) return std::nullopt;
    if (g != nullptr) out.emplace_back(g->gr_name);
  }
  return out;
}

bool look_up_groups(const std::string& user, const AskGroups& ask) {
  static int64_t quiet_until_ms = 0;   // for users of whom something is known
  static int64_t failed_until_ms = 0;  // for the others
  if (user.empty()) return true;
  int64_t now = clock::mono_ms();
  if (cache().size() > kMostUsers) cache().clear();
  Known& k = cache()[user];
  if (now < k.next_ms) return true;
  // Nobody is to be refused because an answer about another took its time.
  if (now < (k.groups ? quiet_until_ms : failed_until_ms)) return k.groups.has_value();
  auto groups = ask(user);
  int64_t answered = clock::mono_ms();
  int64_t took = answered - now;
  if (!groups || took > kSlowMs) {
    quiet_until_ms = answered + kQuietMs;
    log::once(log::Level::warning, "groups",
              "the name service " + std::string(groups ? "is slow" : "does not answer") +
                  " (groups of user " + text::printable(user) + "); what was known before stands");
  } else {
    log::clear("groups", "the name service answers again");
  }
  if (!groups) {
    failed_until_ms = answered + std::min(kFailedMs + 10 * took, kQuietMs);
    return k.groups.has_value();
  }
  failed_until_ms = 0;
  k.next_ms = answered + kAgeMs;
  if (k.groups && fewer(*groups, *k.groups) && answered - k.sure_ms < kLessMs) {
    for (auto& group : *groups)
      if (std::ranges::find(*k.groups, group) == k.groups->end())
        k.groups->push_back(std::move(group));
    return true;
  }
  k.groups = std::move(groups);
  k.sure_ms = answered;
  return true;
}

const std::vector<std::string>* groups_of(const std::string& user) {
  auto it = cache().find(user);
  if (it == cache().end()) return nullptr;
  const auto& groups = it->second.groups;
  return groups ? &*groups : nullptr;
}

}  // namespace sluice::daemon
