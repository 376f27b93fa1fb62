// What sluiced itself says: that it runs, on what, and how its sinks, sweeps and journal are.
#include "common/base/clock.h"
#include "common/cli/ask.h"
#include "common/cli/finding.h"

namespace sluice::cli {
namespace {

constexpr int64_t kLateSeconds = 300;  // an undelivered event older than this is worth a look

constexpr int kProbeMs = 60'000;  // a sink's check takes as long as its timeout_s

client::Outcome<Json> asked(const std::string& socket, const char* op,
                            int timeout_ms = client::kTimeoutMs) {
  client::Deadline deadline(timeout_ms);
  auto connection = client::Connection::open(socket, deadline);
  if (!connection) return std::unexpected(connection.error());
  return connection->ask(request(op), deadline);
}

void check_about(const Patient& p, Findings* findings) {
  std::string version = p.about.get("version").str();
  if (version != SLUICE_VERSION)
    findings->warning("sluiced", "runs version " + version + ", this command is " SLUICE_VERSION,
                      "restart sluiced after an upgrade");
  else
    findings->ok("sluiced", "runs as " + p.about.get("role").str() + ", version " + version +
                                ", pid " + std::to_string(p.about.get("pid").integer()));
  std::string inbox = p.about.get("inbox").str();
  if (p.configured && inbox != p.config.inbox)
    findings->error(
        "sluiced.config",
        "sluiced reads inbox " + inbox + ", the configuration says " + p.config.inbox,
        "restart sluiced, or give doctor its configuration: " + p.about.get("config").str());
}

// `probed` is what a look at it just now found: null if it is as it should be.
void check_sink(const std::string& name, const Json& sink, const Json& probed, Findings* findings) {
  std::string check = "sink." + name;
  std::string problem = sink.get("problem").str();
  int64_t queued = sink.get("queued").integer();
  int64_t dead = sink.get("dead").integer();
  std::string state = sink.get("state").str();
  if (state == "up" && probed.is_string() && sink.get("delivered").integer() == 0)
    findings->error(check, probed.str(), "mend what it says; events are kept and sent then");
  else if (state != "up")
    findings->error(check,
                    "is " + state + ": " + problem + "; " + std::to_string(queued) + " events wait",
                    state == "disabled" ? "the receiver wants no more (410); configure it anew"
                                        : "mend what it says; events are kept and sent then");
  else if (probed.is_string())
    findings->warning(check, "takes events, but a look at it says: " + probed.str(),
                      "if deliveries go on, allow what the look needs; else mend what it says");
  else
    findings->ok(check, "is up, " + std::to_string(queued) + " queued, " +
                            std::to_string(sink.get("delivered").integer()) + " delivered");
  if (state == "up" && sink.get("oldest").is_string()) {
    int64_t age = (clock::wall_us() - clock::parse_rfc3339(sink.get("oldest").str())) / 1'000'000;
    if (age > kLateSeconds)
      findings->warning(check, "its oldest event waits for " + std::to_string(age) + " s",
                        "the receiver is slow or refuses some; sluiced's log says why");
  }
  if (dead > 0)
    findings->warning(check, std::to_string(dead) + " dead letters",
                      "sluice dead list --sink " + name + ", then dead retry or dead drop");
}

void check_sweeps(const Patient& p, Findings* findings) {
  int64_t age = p.facts.min_job_age;
  int64_t every = p.config.sweep_s > 0 ? p.config.sweep_s : std::max<int64_t>(age / 3, 1);
  if (age == 0) return findings->ok("sweep", "MinJobAge=0: slurmctld keeps ended jobs");
  std::string found =
      "every " + std::to_string(every) + " s, with MinJobAge=" + std::to_string(age);
  if (every * 2 > age)
    findings->error(
        "sweep", found + ": a job may be forgotten between two sweeps",
        "raise MinJobAge in slurm.conf, or set sweep_s to at most half of it (0: a third)");
  else if (age < 60)
    findings->warning("sweep", found,
                      "MinJobAge=300 makes sweeps rarer and outages of sluiced harmless");
  else
    findings->ok("sweep", found);
}

void check_status(const Patient& p, Findings* findings) {
  const Json& s = p.status;
  if (int64_t n = s.get("gaps").integer(); n > 0)
    findings->warning("inbox.gaps",
                      std::to_string(n) + " gaps since sluiced's start, " +
                          std::to_string(s.get("dropped").integer()) + " records dropped",
                      "the inbox was full or not writable; give its tmpfs more room");
  if (int64_t n = s.get("set_aside").integer(); n > 0)
    findings->warning("inbox.foreign", std::to_string(n) + " files were no records",
                      "look into " + p.config.inbox + "/bad: who writes there?");
  if (p.role == config::Role::node) return;
  if (!s.get("slurm_up").boolean())
    findings->error("sluiced.slurm", "slurmctld does not answer sluiced",
                    "does sluiced's user see the same slurm.conf, and does munge work?");
  if (!s.get("journal_up").boolean())
    findings->error("journal", "sluiced cannot write it: events wait in the inbox",
                    "is its disk full or read-only? sluiced's log says what SQLite said");
  if (s.get("sinks").size() == 0)
    findings->warning("sinks", "none are configured", "add one under sinks in sluice.json");
  for (const auto& [name, sink] : s.get("sinks").members())
    check_sink(name, sink, p.probed.get(name), findings);
}

}  // namespace

void check_daemon(Patient* p, Findings* findings) {
  if (p->slurm && p->configured && p->role == config::Role::controller) check_sweeps(*p, findings);
  auto about = asked(p->socket, "ping");
  if (!about || about->has("error"))
    return findings->error("sluiced", about ? about->get("error").str() : about.error().what,
                           "systemctl status sluiced; its log says why it does not run");
  p->about = *about;
  check_about(*p, findings);
  // First, so that the status has what it found.
  if (p->role == config::Role::controller)
    if (auto probed = asked(p->socket, "probe", kProbeMs)) p->probed = probed->get("sinks");
  auto status = asked(p->socket, "status");
  if (!status || status->has("error"))
    return findings->skipped("sinks", status ? status->get("error").str() : status.error().what,
                             "run sluice doctor as root or a member of " + p->config.admin_group);
  p->status = *status;
  check_status(*p, findings);
}

}  // namespace sluice::cli
