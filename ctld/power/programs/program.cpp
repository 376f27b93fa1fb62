#include "program.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::power {
namespace {

constexpr const char* kFolder = "/etc/sluice/power";
constexpr const char* kFile = "/etc/sluice/sluice.json";

bool exists(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0;
}

// As it was called: the folder of a symbolic link, not of what that leads to. argv[0] has no folder
// where slurmctld is the caller.
std::string called_in() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how the kernel hands it over
  const char* path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const char* slash = path == nullptr ? nullptr : strrchr(path, '/');
  return slash == nullptr ? std::string() : std::string(path, slash);
}

// The record belongs to SlurmUser, who could not write it any more if root had made its files.
bool become_owner(const char* folder, const char* name) {
  struct stat st{};
  if (geteuid() != 0) return true;
  if (::stat(folder, &st) != 0) {
    // The library would make it, as root's.
    fprintf(stderr, "%s: StateDirectory %s: %s; make it, and give it to SlurmUser\n", name, folder,
            strerror(errno));
    return false;
  }
  if (st.st_uid == 0) return true;  // SlurmUser is root, or it was meant so
  const passwd* owner = getpwuid(st.st_uid);
  bool grouped =
      owner != nullptr ? initgroups(owner->pw_name, st.st_gid) == 0 : setgroups(0, nullptr) == 0;
  // Credentials are looked for in the home folder.
  if (owner != nullptr) setenv("HOME", owner->pw_dir, 1);
  if (grouped && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0) return true;
  fprintf(stderr, "%s: cannot become the owner of %s: %s\n", name, folder, strerror(errno));
  return false;
}

void log_to(const char* path, const char* name) {
  if (*path == '\0') return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    fprintf(stderr, "%s: LogFileName %s: %s\n", name, path, strerror(errno));
    return;
  }
  dup2(fd, STDERR_FILENO);
  // What became of each node belongs there too, unless somebody reads it.
  struct stat out{};
  if (::fstat(STDOUT_FILENO, &out) != 0 || S_ISCHR(out.st_mode)) dup2(fd, STDOUT_FILENO);
  close(fd);
}

}  // namespace

std::string find_configuration() {
  if (const char* given = getenv("SLUICE_POWER_CONFIG"); given != nullptr && *given != '\0')
    return given;
  if (std::string folder = called_in(); !folder.empty() && exists(folder + "/config.json"))
    return folder;
  return exists(std::string(kFolder) + "/config.json") ? kFolder : kFile;
}

int with_power(const char* name, const Body& body) {
  struct sluice_power* power = nullptr;
  struct sluice_power_error err{};
  std::string path = find_configuration();
  int rc = sluice_power_open(path.c_str(), &power, &err);
  if (rc == SLUICE_POWER_OK && !become_owner(sluice_power_state(power), name)) {
    sluice_power_close(power);
    return 1;
  }
  if (rc == SLUICE_POWER_OK) {
    // A terminal sees it at once; slurmctld's /dev/null does not.
    if (isatty(STDERR_FILENO) == 0) log_to(sluice_power_log_file(power), name);
    rc = body(power, &err);
  }
  if (rc != SLUICE_POWER_OK) fprintf(stderr, "%s: %s\n", name, err.message);
  sluice_power_close(power);
  return rc == SLUICE_POWER_OK ? 0 : 1;
}

void print_node(void*, const struct sluice_power_node* node) {
  static constexpr const char* kFates[] = {
      "launched",       "already launched", "failed", "left for reconciling", "not ours", "ended",
      "had no machine", "mended",           "planned"};
  printf("%s: %s", node->node, kFates[node->fate]);
  if (*node->machine != '\0') printf(" %s", node->machine);
  if (*node->address != '\0') printf(" at %s", node->address);
  if (*node->why != '\0') printf(": %s", node->why);
  printf("\n");
}

}  // namespace sluice::power
