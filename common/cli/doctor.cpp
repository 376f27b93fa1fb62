// sluice doctor: is every part where it should be and working, and if not, what to do about it.
// It changes nothing. Run as root: some things only root may look at, and those are then skipped.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "common/base/fd.h"
#include "common/base/text.h"
#include "common/cli/command.h"
#include "common/cli/exit_code.h"
#include "common/cli/finding.h"
#include "common/cli/print.h"

namespace sluice::cli {

const char* name_of(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::skipped:
      return "skipped";
    case Health::warning:
      return "warning";
    case Health::error:
      return "error";
  }
  return "error";
}

size_t Findings::count(Health health) const {
  size_t n = 0;
  for (const auto& f : all_) n += f.health == health ? 1 : 0;
  return n;
}

namespace {

void check_config(const std::string& path, Patient* patient, Findings* findings) {
  if (::access(path.c_str(), R_OK) != 0 && errno == EACCES) {
    patient->configured = false;
    return findings->skipped("config", path + " may not be read by this user, nor what it decides",
                             "run sluice doctor as root");
  }
  config::Problems problems;
  patient->config = config::load(path, patient->role, &problems);
  for (const auto& p : problems) {
    std::string what = path + ": " + p.text();
    if (p.warning)
      findings->warning("config", what, "change it, then sluice reload");
    else
      findings->error("config", what,
                      "mend it: sluiced keeps its last good one, and does not start");
  }
  if (problems.empty()) findings->ok("config", path + " has no faults");
}

// libslurm ends the process where it finds no slurm.conf, so a child tries it first. Empty: it
// works; else libslurm's last words.
std::string slurm_conf_trouble(const std::string& conf) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return "pipe failed";
  Fd out(ends[0]);
  Fd in(ends[1]);
  fflush(nullptr);
  pid_t child = ::fork();
  if (child < 0) return "fork failed";
  if (child == 0) {
    ::dup2(in.get(), STDOUT_FILENO);
    ::dup2(in.get(), STDERR_FILENO);
    slurm::init(conf);
    _exit(0);
  }
  in.reset();
  std::string said;
  char buf[1024];
  for (ssize_t n = 0; (n = ::read(out.get(), buf, sizeof buf)) > 0;)
    said.append(buf, static_cast<size_t>(n));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string_view last = text::trim(said);
  if (size_t nl = last.rfind('\n'); nl != last.npos) last = last.substr(nl + 1);
  return last.empty() ? "libslurm gave up" : text::printable(last);
}

void check_slurm_conf(Patient* patient, Findings* findings) {
  std::string why = slurm_conf_trouble(patient->config.slurm_conf);
  if (!why.empty())
    return findings->error("slurm.conf", "cannot be read: " + why,
                           "set slurm_conf in sluice.json or SLURM_CONF to its path");
  slurm::init(patient->config.slurm_conf);
  patient->slurm = true;
  patient->facts = slurm::facts();
  findings->ok("slurm.conf", "cluster " + patient->facts.cluster);
  if (patient->role == config::Role::node) return;
  if (slurm::controller_answers(0))
    findings->ok("slurmctld", "answers");
  else
    findings->warning("slurmctld", "the primary controller does not answer",
                      "events wait for it, at most slurm_wait_s each; is it running?");
}

void show(const Common& common, const Findings& findings) {
  if (common.json) {
    Json list = Json::array();
    for (const auto& f : findings.all()) {
      Json one = Json::object();
      one.set("check", Json::of(f.check));
      one.set("health", Json::of(name_of(f.health)));
      one.set("found", Json::of(text::to_utf8(f.found)));
      one.set("advice", f.advice.empty() ? Json() : Json::of(text::to_utf8(f.advice)));
      list.push(one);
    }
    Json out = Json::object();
    out.set("healthy", Json::of(findings.count(Health::error) == 0));
    out.set("findings", list);
    return print_json(out);
  }
  for (const auto& f : findings.all()) {
    char head[40];
    snprintf(head, sizeof head, "%-8s %-16s", name_of(f.health), f.check.c_str());
    print_line(head + (" " + text::printable(f.found, 1000)));
    if (!f.advice.empty())
      print_line(std::string(26, ' ') + "-> " + text::printable(f.advice, 1000));
  }
  print_line(std::to_string(findings.count(Health::error)) + " errors, " +
             std::to_string(findings.count(Health::warning)) + " warnings, " +
             std::to_string(findings.count(Health::skipped)) + " skipped");
}

int doctor(const Common& common, const std::string& role) {
  Patient patient;
  Findings findings;
  patient.role = config::role_named(role);
  check_config(common.config.empty() ? config::default_path(patient.role) : common.config, &patient,
               &findings);
  patient.socket = common.socket_given ? common.socket : patient.config.socket;
  check_slurm_conf(&patient, &findings);
  check_hooks(patient, &findings);
  check_inbox(patient, &findings);
  check_daemon(&patient, &findings);
  if (patient.role == config::Role::controller) check_journal(patient, &findings);
  check_host(patient, &findings);
  show(common, findings);
  return findings.count(Health::error) == 0 ? kOk : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Action* chosen) {
  auto role = std::make_shared<std::string>("controller");
  CLI::App* sub = app.add_subcommand("doctor", "Check every part, and say what to do; as root");
  sub->add_option("--role", *role, "What this host is")
      ->check(CLI::IsMember({"controller", "node"}))
      ->capture_default_str();
  sub->callback(
      [role, chosen] { *chosen = [role](const Common& common) { return doctor(common, *role); }; });
}

}  // namespace sluice::cli
