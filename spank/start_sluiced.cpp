#include "spank/start_sluiced.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "spank/arguments.h"
#include "spank/spank.h"

namespace sluice::spank {
namespace {

constexpr int kOutcomeMs = 2000;  // an exec takes a fraction of that

// What of slurmd's environment it gets: "NAME=VALUE", made before the fork.
class Environment {
 public:
  Environment() {
    keep("SLURMD_NODENAME", node_name());
    keep("SLURM_CONF", getenv("SLURM_CONF"));
    keep("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    keep("LANG", "C.UTF-8");
  }
  char** list() { return list_; }

 private:
  void keep(const char* name, const char* value) {
    if (value == nullptr) return;
    int n = snprintf(texts_[count_], sizeof texts_[0], "%s=%s", name, value);
    if (n < 0 || static_cast<size_t>(n) >= sizeof texts_[0]) return;
    list_[count_] = texts_[count_];
    ++count_;
  }

  char texts_[4][4200];
  char* list_[5] = {};
  size_t count_ = 0;
};

// systemd takes what is in slurmd's cgroup for slurmd's. The root of version 2, where processes
// may be, then systemd's own hierarchy of version 1; in a container neither may be there.
void leave_cgroup() {
  static constexpr const char* kRoots[] = {"/sys/fs/cgroup/cgroup.procs",
                                           "/sys/fs/cgroup/systemd/cgroup.procs"};
  for (const char* path : kRoots) {
    int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t ignored = ::write(fd, "0", 1);
    (void)ignored;
    ::close(fd);
  }
}

// Between fork and exec: slurmd has threads, so nothing here but system calls.
constexpr int kReport = 3;  // where the last process says why it could not; closed by the exec

[[noreturn]] void give_up() {
  int why = errno;
  ssize_t ignored = ::write(kReport, &why, sizeof why);
  (void)ignored;
  _exit(127);
}

[[noreturn]] void become(const char* path, char** environment) {
  for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir("/") != 0) give_up();
  ::umask(022);
  int null = ::open("/dev/null", O_RDWR);
  if (null < 0) give_up();
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  // Kernels before 5.9, and filters of containers, do not know it.
  if (close_range(kReport + 1, ~0U, 0) != 0)
    for (int fd = kReport + 1; fd < 65536; ++fd) ::close(fd);
  const char* arguments[] = {path, "--role", "node", nullptr};
  ::execve(path, const_cast<char**>(arguments), environment);
  give_up();
}

// 0 once the program runs; else the errno of what failed in the processes between.
int outcome(int report) {
  int why = 0;
  pollfd p{report, POLLIN, 0};
  if (::poll(&p, 1, kOutcomeMs) > 0 && ::read(report, &why, sizeof why) == sizeof why) return why;
  return 0;
}

}  // namespace

void start_sluiced(const char* path) {
  static Environment environment;
  if (::access(path, X_OK) != 0) {
    slurm_error(
        "sluice: start_sluiced=%s: %s; the node's sluiced is not started (jobs are not "
        "affected); name its program",
        path, strerror(errno));
    return;
  }
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    slurm_error("sluice: start_sluiced=%s: pipe: %s", path, strerror(errno));
    return;
  }
  pid_t first = ::fork();
  if (first == 0) {
    ::setsid();
    leave_cgroup();  // before slurmd goes on: its cgroup must hold no stranger then
    if (report[1] == kReport ? ::fcntl(kReport, F_SETFD, FD_CLOEXEC) < 0
                             : ::dup3(report[1], kReport, O_CLOEXEC) < 0)
      _exit(126);
    // The second process is no session leader, and its parent is gone at once.
    pid_t second = ::fork();
    if (second == 0) become(path, environment.list());
    if (second < 0) give_up();
    _exit(0);
  }
  int why = first < 0 ? errno : 0;
  ::close(report[1]);
  if (first > 0) {
    while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) continue;
    why = outcome(report[0]);
  }
  ::close(report[0]);
  if (why != 0)
    slurm_error(
        "sluice: start_sluiced=%s: %s; the node's sluiced is not started (jobs are not "
        "affected)",
        path, strerror(why));
}

}  // namespace sluice::spank
