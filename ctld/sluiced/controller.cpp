#include "ctld/sluiced/controller.h"

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/slurm/jobs.h"
#include "ctld/sluiced/node_events.h"
#include "ctld/sluiced/public_sinks.h"
#include "ctld/sluiced/retention.h"
#include "ctld/sluiced/socket.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kRetainMs = 60'000;
constexpr int64_t kJumpUs = 600'000'000;
constexpr int64_t kHoldMs = 3'600'000;  // time to set the clock right

Result<std::unique_ptr<journal::Journal>> open_journal(const std::string& path,
                                                       journal::Durability durability) {
  auto j = journal::Journal::open(path, durability);
  if (!j) return std::unexpected(j.error());
  return std::make_unique<journal::Journal>(std::move(*j));
}

}  // namespace

Result<std::unique_ptr<Controller>> Controller::start(
    const std::shared_ptr<const config::Config>& config) {
  auto c = std::unique_ptr<Controller>(new Controller);
  c->config_ = config;
  slurm::init(config->slurm_conf);
  c->cluster_ = config->cluster.empty() ? slurm::facts().cluster : config->cluster;
  if (c->cluster_.empty())
    return fail(config->path + ": cluster is missing and slurm.conf has no ClusterName");
  std::string dir = config->journal.substr(0, config->journal.rfind('/'));
  if (auto made = file::make_dirs(dir, 0750); !made) return std::unexpected(made.error());
  if (auto made = file::make_dirs(config->inbox, 0770); !made) return std::unexpected(made.error());

  using enum journal::Durability;
  auto import_journal = journal::Journal::open(config->journal, power_safe);
  if (!import_journal) return std::unexpected(import_journal.error());
  for (auto* j : {&c->journal_, &c->server_journal_, &c->metrics_journal_}) {
    auto opened = open_journal(config->journal, power_safe);
    if (!opened) return std::unexpected(opened.error());
    *j = std::move(*opened);
  }

  Controller* self = c.get();
  for (auto kind : {Courier::Kind::network, Courier::Kind::files}) {
    auto journal = journal::Journal::open(config->journal, crash_safe);
    if (!journal) return std::unexpected(journal.error());
    c->couriers_.push_back(
        std::make_unique<Courier>(kind, config, std::move(*journal), c->cluster_, c->stats_));
  }
  Importer::Hooks hooks;
  hooks.journaled = [self] {
    for (auto& courier : self->couriers_) courier->journaled();
    self->server_->wake();
  };
  hooks.requeued = [self] {
    for (auto& courier : self->couriers_) courier->requeued();
  };
  hooks.sweep_incomplete = [self] { self->sweeper_->whole_next(); };
  hooks.sweep_wanted = [self] { self->sweeper_->want(); };
  c->importer_ =
      std::make_unique<Importer>(config, std::move(*import_journal), c->cluster_, hooks, c->stats_);
  c->sweeper_ = std::make_unique<Sweeper>(
      config->slurm_conf, config->sweep_s, c->time_in_journal("charged_us"),
      [self](Sweep sweep) { self->importer_->swept(std::move(sweep)); }, c->stats_);
  c->emit_ = std::make_unique<Emit>(config, *c->importer_, c->stats_);
  CommandHooks ch;
  ch.requeued = hooks.requeued;
  ch.reload = [self] { return self->reload(); };
  ch.sweep = [self] { self->sweeper_->want(); };
  ch.probe = [self](const std::shared_ptr<Probe>& probe) {
    for (auto& courier : self->couriers_) courier->probe(probe);
  };
  ch.config = [self] { return self->config_now(); };
  ch.node_events = [self](const Json& r, const Caller& caller, const Reply& reply) {
    take_node_events(r, caller, *self->importer_, reply);
  };
  ch.about = [self] { return self->about(); };
  c->commands_ = std::make_unique<Commands>(c->server_journal_.get(), c->stats_, ch);
  auto server = open_socket(*config, *c->emit_, *c->commands_);
  if (!server) return std::unexpected(server.error());
  c->server_ = std::move(*server);
  c->server_->serve();
  if (!config->listen.empty()) {
    auto receive = Receive::start(*config, *c->importer_, c->stats_);
    if (!receive) return std::unexpected(receive.error());
    c->receive_ = std::move(*receive);
  }
  if (!config->metrics.empty()) {
    auto metrics = MetricsServer::start(config->metrics, [self] {
      std::lock_guard lock(self->metrics_mutex_);
      try {
        return metrics_text(self->stats_, self->metrics_journal_.get());
      } catch (const journal::DbError&) {
        return metrics_text(self->stats_, nullptr);
      }
    });
    if (!metrics) return std::unexpected(metrics.error());
    c->metrics_ = std::move(*metrics);
  }
  if (auto written = write_public_sinks(*config); !written) log::warning(written.error().what);
  // Everything that it calls is there now.
  c->importer_->start();
  c->note_absence();
  log::info("sluiced " SLUICE_VERSION " serves cluster " + c->cluster_ + " as controller: inbox " +
            config->inbox + ", journal " + config->journal + ", " +
            std::to_string(config->sinks.size()) + " sinks");
  return c;
}

Controller::~Controller() {
  // First everybody stops calling the others; only then may anybody go.
  if (server_) server_->stop();
  if (receive_) receive_->stop();
  if (sweeper_) sweeper_->stop();
  if (importer_) importer_->stop();
  metrics_.reset();
  sweeper_.reset();
  emit_.reset();
  couriers_.clear();
  receive_.reset();
  server_.reset();
  importer_.reset();
}

std::string Controller::reload() {
  std::lock_guard lock(reload_mutex_);  // config_ is written under it alone
  config::Problems problems;
  auto fresh = std::make_shared<const config::Config>(
      config::load(config_->path, config::Role::controller, &problems));
  std::string why;
  for (const auto& p : problems) {
    if (p.warning)
      log::warning(config_->path + ": " + p.text());
    else
      why += (why.empty() ? "" : "; ") + p.text();
  }
  if (!why.empty()) {
    log::error(config_->path + ": " + why + "; the configuration before stays");
    return config_->path + ": " + why + "; the configuration before stays";
  }
  const auto& old = *config_;
  for (auto [key, changed] : {std::pair{"inbox", old.inbox != fresh->inbox},
                              {"journal.path", old.journal != fresh->journal},
                              {"socket", old.socket != fresh->socket},
                              {"listen", old.listen != fresh->listen},
                              {"metrics", old.metrics != fresh->metrics},
                              {"cluster", old.cluster != fresh->cluster},
                              {"slurm_conf", old.slurm_conf != fresh->slurm_conf},
                              {"munge_socket", old.munge_socket != fresh->munge_socket},
                              {"admin_group", old.admin_group != fresh->admin_group},
                              {"sweep_s", old.sweep_s != fresh->sweep_s},
                              {"emit", old.emit_burst != fresh->emit_burst ||
                                           old.emit_per_minute != fresh->emit_per_minute ||
                                           old.emit_max_bytes != fresh->emit_max_bytes}})
    if (changed) log::warning(config_->path + ": " + key + " changed; that takes a restart");
  log::Level level = log::Level::info;
  if (log::parse_level(fresh->log_level, &level)) log::set_level(level);
  {
    std::lock_guard config_lock(config_mutex_);
    config_ = fresh;
  }
  importer_->reload(fresh);
  for (auto& courier : couriers_) courier->reload(fresh);
  if (auto written = write_public_sinks(*fresh); !written) log::warning(written.error().what);
  log::info(config_->path + ": reloaded, " + std::to_string(fresh->sinks.size()) + " sinks");
  return {};
}

void Controller::tick() {
  if (clock::mono_ms() - retained_ms_ < kRetainMs) return;
  retained_ms_ = clock::mono_ms();
  try {
    retain();
  } catch (const journal::DbError& e) {
    log::once(log::Level::error, "retain", e.what);
  }
}

// Runs that began and ended while no sluiced was here, and which slurmctld has forgotten since,
// cannot be found again: that is said, in the log and as an event.
void Controller::note_absence() {
  int64_t seen = time_in_journal("alive_us");
  int64_t now = clock::wall_us();
  int64_t age = slurm::facts().min_job_age;
  int64_t absent = (now - seen) / 1'000'000;
  if (seen == 0) return;
  // So long an absence may be a clock that is wrong until it is set.
  if (absent > config_->retain_hours * 3600) retain_after_ms_ = clock::mono_ms() + kHoldMs;
  if (age == 0 || absent <= age + kRetainMs / 1000) return;
  log::warning("sluiced was away for " + std::to_string(absent) + " s and MinJobAge is " +
               std::to_string(age) +
               " s: jobs that started and ended meanwhile may be missing (sluice.gap)");
  absence_s_ = absent;
  tell_absence();
}

// Until that is in the journal this process counts as absent, too.
void Controller::tell_absence() {
  if (absence_s_ == 0 || absence_sent_.exchange(true)) return;
  inbox::RawRecord gap;
  char id[64];
  snprintf(id, sizeof id, "%016llx-00000000-%x-0",
           static_cast<unsigned long long>(clock::mono_us()), static_cast<unsigned>(::getpid()));
  gap.id = id;
  gap.kind = "gap";
  gap.wall_us = clock::wall_us();
  gap.fields["@absent_s"] = std::to_string(absence_s_);
  std::vector<inbox::RawRecord> records;
  records.push_back(std::move(gap));
  importer_->submit(std::move(records), [this](const Commit& commit) {
    if (commit.why.empty()) absence_s_ = 0;
    absence_sent_ = false;  // else once more
  });
}

int64_t Controller::time_in_journal(const char* key) const {
  int64_t us = 0;
  try {
    text::parse_int(journal_->meta(key), 0, INT64_MAX, &us);
  } catch (const journal::DbError& e) {
    log::warning(e.what);
  }
  return us;
}

void Controller::retain() {
  tell_absence();
  if (absence_s_ == 0) {
    std::string now = std::to_string(clock::wall_us());
    journal::Transaction t(journal_->db());
    journal_->set_meta("alive_us", now);
    if (stats_.in_charge) journal_->set_meta("charged_us", now);
    t.commit();
  }
  // A clock that jumps ahead, be it for a minute, would age everything at once.
  int64_t offset = clock::wall_us() - clock::mono_us();
  bool jumped = clock_offset_us_ != 0 && offset - clock_offset_us_ > kJumpUs;
  clock_offset_us_ = offset;
  if (jumped) {
    log::warning("the clock jumped ahead by more than " + std::to_string(kJumpUs / 1'000'000) +
                 " s: nothing is removed from the journal for an hour");
    retain_after_ms_ = clock::mono_ms() + kHoldMs;
  }
  bool hold = clock::mono_ms() < retain_after_ms_;
  // There is more: go on at the next tick, others have their turn between.
  if (daemon::retain(*journal_, *config_now(), slurm::facts().min_job_age, hold, stats_))
    retained_ms_ = 0;
}

std::shared_ptr<const config::Config> Controller::config_now() const {
  std::lock_guard lock(config_mutex_);
  return config_;
}

Json Controller::about() const {
  auto config = config_now();
  Json out = Json::object();
  out.set("role", Json::of("controller"));
  out.set("version", Json::of(SLUICE_VERSION));
  out.set("slurm", Json::of(slurm::header_version()));
  out.set("cluster", Json::of(cluster_));
  out.set("pid", Json::of(int64_t{::getpid()}));
  out.set("config", Json::of(config->path));
  out.set("inbox", Json::of(config->inbox));
  out.set("journal", Json::of(config->journal));
  return out;
}

}  // namespace sluice::daemon
