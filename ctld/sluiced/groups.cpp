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
constexpr int64_t kQuietMs = 60'000;
constexpr int64_t kFailedMs = 1'000;    // from a failure to the next try
constexpr int64_t kPatienceMs = 8'000;  // with slurm_wait_s less than a node waits for its answer
constexpr size_t kMostUsers = 100'000;

struct Known {
  int64_t next_ms = 0;    // when to ask again
  int64_t sure_ms = 0;    // when it was last said in full
  int64_t failed_ms = 0;  // since when asking fails; 0: it does not
  std::optional<std::vector<std::string>> groups;
};

// What is known of the name service itself.
struct Service {
  int64_t slow_until_ms = 0;  // until then it is spared the users of whom something is known
  int64_t away_until_ms = 0;  // until then nobody is asked about
  int64_t away_ms = 0;        // since when it fails for more than one user; 0: it does not
  std::string failing;        // for whom it failed last; nobody: it is over
  int64_t failed_ms = 0;      // when that was
};

Service& service() {
  static Service s;
  return s;
}

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

namespace {

void failed(const std::string& user, Known& k, int64_t now, int64_t took) {
  Service& s = service();
  if (k.failed_ms == 0) k.failed_ms = now;
  // One that makes everybody wait, and for long, is hardly asked about again.
  bool hangs = took > kSlowMs && now - k.failed_ms >= kPatienceMs;
  k.next_ms = now + (hangs ? kAgeMs : k.groups ? kQuietMs : kFailedMs + took);
  // One user whose directory is away must not be everybody's trouble.
  bool for_others = !s.failing.empty() && s.failing != user;
  if (for_others && s.away_ms == 0) s.away_ms = now;
  if (for_others && took > kSlowMs) s.away_until_ms = now + std::min(10 * took, kQuietMs);
  s.failing = user;
  s.failed_ms = now;
}

void answered(Known& k, std::vector<std::string> groups, int64_t now) {
  k.next_ms = now + kAgeMs;
  k.failed_ms = 0;
  if (k.groups && fewer(groups, *k.groups) && now - k.sure_ms < kLessMs) {
    for (auto& group : groups)
      if (std::ranges::find(*k.groups, group) == k.groups->end())
        k.groups->push_back(std::move(group));
    return;
  }
  k.groups = std::move(groups);
  k.sure_ms = now;
}

void ask_about(const std::string& user, Known& k, const AskGroups& ask) {
  int64_t asked = clock::mono_ms();
  auto groups = ask(user);
  int64_t now = clock::mono_ms();
  Service& s = service();
  bool slow = now - asked > kSlowMs;
  if (slow) s.slow_until_ms = now + kQuietMs;
  if (!groups || slow)
    log::once(log::Level::warning, "groups",
              "the name service " + std::string(groups ? "is slow" : "does not answer") +
                  " (groups of user " + text::printable(user) + "); what was known before stands");
  if (!groups) return failed(user, k, now, now - asked);
  s.away_until_ms = 0;
  // Where it fails for some and not for others, one of the others shows nothing.
  if (k.failed_ms != 0 || now - s.failed_ms > kQuietMs) {
    s.away_ms = 0;
    s.failing.clear();
    if (!slow) log::clear("groups", "the name service answers again");
  }
  answered(k, std::move(*groups), now);
}

}  // namespace

Looked look_up_groups(const std::string& user, bool may_ask, const AskGroups& ask) {
  if (user.empty()) return Looked::known;
  if (cache().size() > kMostUsers) cache().clear();
  Known& k = cache()[user];
  const Service& s = service();
  int64_t now = clock::mono_ms();
  if (now >= k.next_ms + kQuietMs) k.failed_ms = 0;  // too long ago to say anything
  bool due = now >= k.next_ms && now >= (k.groups ? s.slow_until_ms : s.away_until_ms);
  if (due && may_ask) ask_about(user, k, ask);
  if (k.groups) return Looked::known;
  if (due && !may_ask) return Looked::not_yet;
  now = clock::mono_ms();
  for (int64_t since : {k.failed_ms, s.away_ms})
    if (since != 0 && now - since >= kPatienceMs) return Looked::given_up;
  return Looked::not_yet;
}

const std::vector<std::string>* groups_of(const std::string& user) {
  auto it = cache().find(user);
  if (it == cache().end()) return nullptr;
  const auto& groups = it->second.groups;
  return groups ? &*groups : nullptr;
}

}  // namespace sluice::daemon
