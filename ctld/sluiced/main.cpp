// sluiced: the daemon. Reads its arguments, starts the role, and waits for signals:
// SIGTERM and SIGINT stop it, SIGHUP reloads its configuration.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/config/config.h"
#include "common/slurm/jobs.h"
#include "ctld/sluiced/controller.h"
#include "ctld/sluiced/node.h"
#include "ctld/sluiced/notify.h"
#include "ctld/sluiced/power_role.h"
#include "ctld/sluiced/reconcile.h"

namespace {

using namespace sluice;

constexpr int kTickMs = 1000;
constexpr int kBadConfig = 78;  // EX_CONFIG of sysexits.h: systemd does not restart on it

#ifdef SLUICE_FAULT_POINTS
// Tests move this daemon's clock by writing milliseconds into a file.
void follow_test_clock() {
  static const char* const path = getenv("SLUICE_CLOCK_OFFSET_FILE");
  static int64_t at = 0;
  if (path == nullptr) return;
  auto bytes = file::read(path, 64);
  int64_t ms = 0;
  if (bytes && text::parse_int(text::trim(*bytes), 0, INT64_MAX / 2, &ms) && ms != at) {
    clock::advance_for_tests(ms - at);
    at = ms;
  }
}
#else
void follow_test_clock() {}
#endif

// Blocked in every thread started from here on, and read from a descriptor.
Fd take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Two sluiced on one inbox would each forget what the other has taken.
Result<Fd> only_one(const std::string& socket) {
  std::string path = socket + ".lock";
  if (auto made = file::make_dirs(path.substr(0, path.rfind('/'))); !made)
    return std::unexpected(made.error());
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno("cannot open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(path + " is held: another sluiced serves " + socket);
  return fd;
}

void serve(daemon::Daemon& d, int signals) {
  daemon::notify("READY=1");
  for (;;) {
    pollfd p{signals, POLLIN, 0};
    ::poll(&p, 1, kTickMs);
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGHUP) break;
      daemon::notify("RELOADING=1");
      d.reload();
      daemon::notify("READY=1");
    }
    follow_test_clock();
    d.tick();
    daemon::notify("WATCHDOG=1");
  }
  daemon::notify("STOPPING=1");
  log::info("sluiced stops");
}

// A hook's rename wakes the importer, which must not take the processor from a slurmctld that holds
// its write lock: batch processes wait for their turn when they wake. All threads inherit it.
void yield_to_slurm() {
  sched_param none{};
  if (::sched_setscheduler(0, SCHED_BATCH, &none) != 0)
    log::debug("sched_setscheduler: " + std::string(strerror(errno)));
}

int see_to_nodes(const std::string& path) {
  Fd signals = take_signals();
  bool usable = false;
  auto started = daemon::PowerRole::start(path, &usable);
  if (!started) {
    log::error(started.error().what);
    return usable ? EXIT_FAILURE : kBadConfig;
  }
  serve(**started, signals.get());
  started->reset();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"sluiced: carries job events from Slurm's hooks to sinks"};
  std::string path;
  std::string role_name = "controller";
  std::string slurm_conf;
  int64_t sweep = -1;
  app.add_option("-c,--config", path,
                 "Configuration file [/etc/sluice/sluice.json, with --role node "
                 "/etc/sluice/node.json, with --role power the folder /etc/sluice/power]");
  app.add_option("--role", role_name,
                 "controller, node, or power, which sees to nodes that are launched and ended")
      ->check(CLI::IsMember({"controller", "node", "power"}))
      ->capture_default_str();
  app.set_version_flag(
      "--version", std::string("sluiced " SLUICE_VERSION " for Slurm ") + slurm::header_version());
  app.add_option("--sweep", sweep)->group("");  // the daemon's own child
  app.add_option("--slurm-conf", slurm_conf)->group("");
  CLI11_PARSE(app, argc, argv);
  if (sweep >= 0) {
    slurm::init(slurm_conf);
    return daemon::print_sweep(sweep);
  }
  log::to_syslog_if_unread();
  if (role_name == "power") return see_to_nodes(path.empty() ? "/etc/sluice/power" : path);
  auto role = config::role_named(role_name);
  if (path.empty()) path = config::default_path(role);
  config::Problems problems;
  auto config = std::make_shared<const config::Config>(config::load(path, role, &problems));
  for (const auto& p : problems)
    p.warning ? log::warning(path + ": " + p.text()) : log::error(path + ": " + p.text());
  if (!config::usable(problems)) return kBadConfig;
  log::Level level = log::Level::info;
  log::parse_level(config->log_level, &level);
  log::set_level(level);
  auto lock = only_one(config->socket);
  if (!lock) {
    log::error(lock.error().what);
    return EXIT_FAILURE;
  }
  yield_to_slurm();
  Fd signals = take_signals();
  std::unique_ptr<daemon::Daemon> d;
  if (role == config::Role::controller) {
    auto started = daemon::Controller::start(config);
    if (!started) {
      log::error(started.error().what);
      return EXIT_FAILURE;
    }
    d = std::move(*started);
  } else {
    auto started = daemon::Node::start(config);
    if (!started) {
      log::error(started.error().what);
      return EXIT_FAILURE;
    }
    d = std::move(*started);
  }
  serve(*d, signals.get());
  d.reset();
  return EXIT_SUCCESS;
}
