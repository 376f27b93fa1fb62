// Has the journal room to grow to its bound?
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

#include "common/cli/finding.h"
#include "common/cli/print.h"

namespace sluice::cli {
namespace {

constexpr int64_t kLeast = 256LL << 20;  // an hour or two of a busy cluster

}  // namespace

void check_journal(const Patient& p, Findings* findings) {
  if (!p.configured) return;
  const std::string& path = p.config.journal;
  std::string dir = path.substr(0, path.rfind('/') + 1);
  struct statvfs fs{};
  if (::statvfs(dir.c_str(), &fs) != 0) {
    std::string why = dir + ": " + strerror(errno);
    if (errno == EACCES) return findings->skipped("journal.disk", why, "run sluice doctor as root");
    return findings->error("journal.disk", why, "sluiced makes it when it may write to its parent");
  }
  int64_t free = static_cast<int64_t>(fs.f_bavail) * static_cast<int64_t>(fs.f_frsize);
  int64_t used = p.status.get("journal_bytes").integer(0);
  int64_t bound = p.config.max_journal_mib << 20;
  std::string found = dir + " has " + bytes(free) + " free; the journal has " + bytes(used) +
                      " and may grow to " + bytes(bound);
  if ((fs.f_flag & ST_RDONLY) != 0)
    findings->error("journal.disk", dir + " is mounted read-only", "mount it writable");
  else if (free < kLeast && used + free < bound)
    findings->error("journal.disk", found, "make room; events wait in the inbox once it is full");
  else if (used + free < bound)
    findings->warning("journal.disk", found, "make room, or lower journal.max_mib");
  else
    findings->ok("journal.disk", found);
}

}  // namespace sluice::cli
