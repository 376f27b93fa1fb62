// The sweep's child process, both ends.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/event/job.h"
#include "ctld/sluiced/reconcile.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kDeadlineMs = 60'000;
constexpr size_t kMostBytes = 512U << 20;

// A job that only waits says nothing about a run, unless it was put back.
bool worth_telling(const slurm::JobInfo& job) {
  return !slurm::pending(job) || job.restart_count > 0;
}

Result<std::string> read_all(int fd, pid_t child, const std::atomic<bool>& stop) {
  std::string out;
  int64_t deadline = clock::mono_ms() + kDeadlineMs;
  for (;;) {
    pollfd p{fd, POLLIN, 0};
    int64_t left = deadline - clock::mono_ms();
    if (left <= 0 || stop || out.size() > kMostBytes) {
      ::kill(child, SIGKILL);
      if (stop) return fail("sweep: stopped");
      return fail(left <= 0 ? "sweep: slurmctld gave no whole answer within a minute"
                            : "sweep: slurmctld's jobs take more than " +
                                  std::to_string(kMostBytes >> 20) + " MiB");
    }
    if (::poll(&p, 1, static_cast<int>(std::min<int64_t>(left, 200))) == 0) continue;
    size_t have = out.size();
    out.resize(have + 65536);
    ssize_t n = ::read(fd, out.data() + have, 65536);
    out.resize(have + static_cast<size_t>(n > 0 ? n : 0));
    if (n < 0 && errno != EINTR) return fail_errno("sweep: read");
    if (n == 0) return out;
  }
}

}  // namespace

int print_sweep(int64_t since) {
  int64_t stamp = since;
  auto jobs = slurm::load_jobs(since, &stamp);
  if (!jobs) {
    fprintf(stdout, "error %s\n", jobs.error().what.c_str());
    return fflush(stdout) == 0 ? 1 : 2;
  }
  for (const auto& job : *jobs)
    if (worth_telling(job)) fprintf(stdout, "%s\n", event::to_line(job).c_str());
  fprintf(stdout, "done %zu %lld\n", jobs->size(), static_cast<long long>(stamp));
  return fflush(stdout) == 0 ? 0 : 2;
}

Result<Sweep> run_sweep(const std::string& slurm_conf, int64_t* stamp,
                        const std::atomic<bool>& stop) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail_errno("sweep: pipe");
  Fd in(fds[0]);
  Fd out(fds[1]);
  Sweep sweep;
  sweep.asked_us = clock::wall_us();
  sweep.asked_mono_us = clock::mono_us();
  std::string since = std::to_string(*stamp);
  std::string conf = slurm_conf;
  char self[] = "/proc/self/exe";
  char flag[] = "--sweep";
  char conf_flag[] = "--slurm-conf";
  char* argv[] = {self, flag, since.data(), conf_flag, conf.data(), nullptr};
  if (conf.empty()) argv[3] = nullptr;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  pid_t child = 0;
  int rc = ::posix_spawn(&child, self, &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) return fail_errno("sweep: cannot start the child", rc);
  out.reset();
  auto text = read_all(in.get(), child, stop);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text) return std::unexpected(text.error());

  bool whole = false;
  std::string_view rest = *text;
  while (!rest.empty()) {
    size_t eol = rest.find('\n');
    if (eol == rest.npos) break;
    std::string line(rest.substr(0, eol));
    rest.remove_prefix(eol + 1);
    if (line.starts_with("{")) {
      auto job = event::from_line(line);
      if (!job) return fail("sweep: " + job.error().what);
      sweep.jobs.push_back(std::move(*job));
      continue;
    }
    if (line.starts_with("error ")) return fail(line.substr(6));
    long long known = 0;
    long long at = 0;
    whole = sscanf(line.c_str(), "done %lld %lld", &known, &at) == 2;
    sweep.known_jobs = known;
    sweep.changed = *stamp == 0 || known > 0 || at != *stamp;
    *stamp = at;
  }
  // Half an answer would make runs look forgotten.
  if (!whole) return fail("sweep: the child ended early (status " + std::to_string(status) + ")");
  return sweep;
}

}  // namespace sluice::daemon
