#include "ctld/sluiced/groups.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kAgeMs = 300'000;
constexpr int64_t kAgainMs = 10'000;  // after the name service failed
constexpr size_t kLeast = 16U << 10;  // bytes for an entry
constexpr size_t kMost = 16U << 20;   // a group of half a million members
constexpr size_t kMostUsers = 100'000;

struct Known {
  int64_t next_ms = 0;  // when to ask again
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
  if (found == nullptr) return out;
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

Known& refreshed(const std::string& user) {
  if (cache().size() > kMostUsers) cache().clear();
  Known& k = cache()[user];
  if (clock::mono_ms() < k.next_ms) return k;
  auto groups = ask(user);
  // Who was there and is not found now is hardly gone: a name service that restarts says so too.
  bool good = groups && (!groups->empty() || !k.groups || k.groups->empty());
  if (good) k.groups = std::move(groups);
  k.next_ms = clock::mono_ms() + (good ? kAgeMs : kAgainMs);
  if (!good)
    log::once(log::Level::warning, "groups",
              "the name service does not say which groups user " + user +
                  " is in; what was known before stands");
  return k;
}

}  // namespace

void look_up_groups(const std::string& user) {
  (void)refreshed(user);
}

const std::vector<std::string>* groups_of(const std::string& user) {
  auto it = cache().find(user);
  const Known& k = it != cache().end() ? it->second : refreshed(user);
  return k.groups ? &*k.groups : nullptr;
}

}  // namespace sluice::daemon
