#include "ctld/sluiced/groups.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kAgeMs = 300'000;
constexpr int64_t kLessMs = 3'600'000;  // for so long an answer that names fewer groups is doubted
constexpr int64_t kSlowMs = 1'000;
constexpr int64_t kQuietMs = 60'000;  // after the name service failed, or was slow
constexpr size_t kLeast = 16U << 10;  // bytes for an entry
constexpr size_t kMost = 16U << 20;   // a group of half a million members
constexpr size_t kMostUsers = 100'000;

struct Known {
  int64_t next_ms = 0;  // when to ask again
  int64_t sure_ms = 0;  // when it was last said in full
  std::optional<std::vector<std::string>> groups;
};

// Calls `get` with a larger buffer until the entry fits. Its error, 0 also where there is no entry.
template <class Get>
int with_room(std::string* buffer, Get get) {
  for (;;) {
    if (buffer->size() < kLeast) buffer->resize(kLeast);
    int rc = get(buffer->data(), buffer->size());
    if (rc == EINTR) continue;
    if (rc == ERANGE && buffer->size() < kMost) {
      buffer->resize(buffer->size() * 4);
      continue;
    }
    // Various ways to say that there is none; see getpwnam(3).
    return rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM ? 0 : rc;
  }
}

// No value: the name service failed.
std::optional<std::vector<std::string>> ask(const std::string& user) {
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

std::map<std::string, Known>& cache() {
  static std::map<std::string, Known> known;
  return known;
}

bool fewer(const std::vector<std::string>& now, const std::vector<std::string>& before) {
  return std::ranges::any_of(before,
                             [&](const auto& g) { return std::ranges::find(now, g) == now.end(); });
}

}  // namespace

void look_up_groups(const std::string& user) {
  static int64_t quiet_until_ms = 0;
  int64_t now = clock::mono_ms();
  if (user.empty() || now < quiet_until_ms) return;
  if (cache().size() > kMostUsers) cache().clear();
  Known& k = cache()[user];
  if (now < k.next_ms) return;
  auto groups = ask(user);
  int64_t answered = clock::mono_ms();
  if (!groups || answered - now > kSlowMs) {
    quiet_until_ms = answered + kQuietMs;
    log::once(log::Level::warning, "groups",
              "the name service " + std::string(groups ? "is slow" : "does not answer") +
                  " (groups of user " + user + "); what was known before stands");
  }
  if (!groups) return;
  k.next_ms = answered + kAgeMs;
  if (k.groups && fewer(*groups, *k.groups) && answered - k.sure_ms < kLessMs) return;
  k.groups = std::move(groups);
  k.sure_ms = answered;
}

const std::vector<std::string>* groups_of(const std::string& user) {
  auto it = cache().find(user);
  if (it == cache().end()) return nullptr;
  const auto& groups = it->second.groups;
  return groups ? &*groups : nullptr;
}

}  // namespace sluice::daemon
