// Is the inbox a tmpfs of its own, with a bound and room, that the hooks and nobody else write to?
#include <grp.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/cli/finding.h"
#include "common/cli/print.h"

namespace sluice::cli {
namespace {

constexpr const char* kMount =
    "mount a tmpfs there, with size= and nr_inodes=, as run-sluice-inbox.mount does";

bool in_group(uid_t uid, gid_t gid) {
  char buf[4096];
  passwd pw{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &pw, buf, sizeof buf, &found) != 0 || found == nullptr) return false;
  gid_t groups[256];
  int n = 256;
  if (::getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) < 0) n = 256;
  return std::find(groups, groups + n, gid) != groups + n;
}

bool may_write(const struct stat& st, uid_t uid) {
  if (uid == 0) return true;
  if (st.st_uid == uid) return (st.st_mode & S_IWUSR) != 0;
  if (in_group(uid, st.st_gid)) return (st.st_mode & S_IWGRP) != 0;
  return (st.st_mode & S_IWOTH) != 0;
}

void check_rights(const std::string& path, const struct stat& st, const Patient& p,
                  Findings* findings) {
  // On a node the SPANK plugin writes with slurmstepd's rights, which are root's.
  uid_t writer = p.role == config::Role::node || !p.slurm ? 0 : p.facts.slurm_uid;
  if ((st.st_mode & S_IWOTH) != 0)
    findings->error("inbox.rights", path + " may be written by every user",
                    "chmod o-w: what lies there is taken for Slurm's own word");
  else if (!may_write(st, writer))
    findings->error("inbox.rights",
                    path + " may not be written by SlurmUser (uid " + std::to_string(writer) + ")",
                    "chown it to SlurmUser, group sluice, mode 2770");
  else
    findings->ok("inbox.rights", "SlurmUser may write, users may not");
}

void check_room(const std::string& path, const struct statfs& fs, Findings* findings) {
  auto share = [](uint64_t free, uint64_t all) { return all == 0 ? 100 : free * 100 / all; };
  uint64_t room = std::min(share(fs.f_bavail, fs.f_blocks), share(fs.f_ffree, fs.f_files));
  std::string found = path + " has " + std::to_string(room) + "% of its " +
                      bytes(static_cast<int64_t>(fs.f_blocks) * fs.f_bsize) + " and " +
                      std::to_string(fs.f_files) + " files free";
  constexpr const char* advice =
      "is sluiced running and importing? sluice status; hooks drop records "
      "while it is full, and a sweep finds them again";
  if (room == 0)
    findings->error("inbox.room", found, advice);
  else if (room < 20)
    findings->warning("inbox.room", found, advice);
  else
    findings->ok("inbox.room", found);
}

}  // namespace

void check_inbox(const Patient& p, Findings* findings) {
  if (!p.configured) return;
  const std::string& path = p.config.inbox;
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) {
    std::string why = path + ": " + strerror(errno);
    if (errno == EACCES) return findings->skipped("inbox", why, "run sluice doctor as root");
    return findings->error("inbox", why, kMount);
  }
  if (!S_ISDIR(st.st_mode)) return findings->error("inbox", path + " is no folder", kMount);
  check_rights(path, st, p, findings);
  struct stat parent{};
  struct statfs fs{};
  if (::stat((path + "/..").c_str(), &parent) != 0 || ::statfs(path.c_str(), &fs) != 0)
    return findings->skipped("inbox.tmpfs", path + ": " + strerror(errno),
                             "run sluice doctor as root");
  if (static_cast<uint32_t>(fs.f_type) != TMPFS_MAGIC)
    findings->error("inbox.tmpfs", path + " is on a disk: its stalls would reach slurmctld",
                    kMount);
  else if (parent.st_dev == st.st_dev)
    findings->warning("inbox.tmpfs",
                      path +
                          " shares the tmpfs of its parent: what fills that one "
                          "stops the hooks' records too",
                      kMount);
  else if (fs.f_blocks == 0)
    findings->warning("inbox.tmpfs", path + " has no bound: it could take all memory", kMount);
  else
    findings->ok("inbox.tmpfs", path + " is a tmpfs of its own, bounded");
  check_room(path, fs, findings);
}

}  // namespace sluice::cli
