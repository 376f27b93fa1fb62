#include "ctld/sluiced/power_role.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/power/interruptions.h"
#include "common/power/operations.h"
#include "common/power/places.h"
#include "common/power/record.h"
#include "common/slurm/jobs.h"
#include "ctld/sluiced/power_metrics.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kLookMs = 2'000;    // between looks at nodes that boot
constexpr int64_t kQueueMs = 10'000;  // at EC2's warnings, which come two minutes ahead

Result<std::unique_ptr<const power::Config>> load(const std::string& path) {
  config::Problems problems;
  auto config = std::make_unique<const power::Config>(power::load(path, &problems));
  std::string why;
  for (const auto& p : problems)
    if (p.warning)
      log::warning(p.text());
    else
      why += (why.empty() ? "" : "; ") + p.text();
  if (!why.empty()) return fail(why);
  return config;
}

Result<void> see_to_all(power::Session& session) {
  auto outcomes = power::reconcile(session);
  if (!outcomes) return std::unexpected(outcomes.error());
  for (const power::Outcome& o : *outcomes)
    log::info(o.node + ": " + power::name_of(o.fate) + (o.why.empty() ? "" : ": " + o.why));
  return {};
}

}  // namespace

Result<std::unique_ptr<PowerRole>> PowerRole::start(const std::string& path, bool* usable) {
  auto config = load(path);
  *usable = config.has_value();
  if (!config) return std::unexpected(config.error());
  slurm::init("");
  auto d = std::unique_ptr<PowerRole>(new PowerRole(path));
  d->state_ = (*config)->state;
  d->metrics_address_ = (*config)->metrics;
  if (auto made = file::make_dirs(d->state_, 0750); !made) return std::unexpected(made.error());
  std::string lock = d->state_ + "/sluiced.lock";
  d->lock_ = Fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!d->lock_) return fail_errno("cannot open " + lock);
  if (::flock(d->lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(lock + " is held: another sluiced sees to these nodes");
  if (auto record = power::Record::open(d->state_); !record) return std::unexpected(record.error());
  if (!(*config)->metrics.empty()) {
    auto served =
        MetricsServer::start((*config)->metrics, [self = d.get()] { return self->metrics_text(); });
    if (!served) return std::unexpected(served.error());
    d->metrics_ = std::move(*served);
  }
  log::info("sluiced " SLUICE_VERSION " sees to the nodes of cluster " + slurm::facts().cluster +
            ": record " + d->state_);
  auto owner = power::Owner::make(d->state_);
  if (!owner) return std::unexpected(owner.error());
  d->owner_ = std::make_unique<power::Owner>(std::move(*owner));
  d->fresh_ = std::move(*config);
  d->thread_ = std::thread([self = d.get()] { self->loop(); });
  return d;
}

PowerRole::~PowerRole() {
  metrics_.reset();
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::string PowerRole::reload() {
  auto refuse = [this](const std::string& why) {
    log::error(why + "; the configuration before stays");
    return why;
  };
  auto config = load(path_);
  if (!config) return refuse(config.error().what);
  if ((*config)->state != state_) return refuse("StateDirectory changes with a restart only");
  if ((*config)->metrics != metrics_address_) log::warning("Metrics changed; that takes a restart");
  std::lock_guard lock(mutex_);
  fresh_ = std::move(*config);
  wake_.notify_one();
  return {};
}

void PowerRole::loop() {
  pthread_setname_np(pthread_self(), "sluice-power");
  std::unique_ptr<const power::Config> config;
  int64_t next_ms = 0;  // of the next pass over everything
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
      if (fresh_) {
        config = std::move(fresh_);
        next_ms = 0;
        queue_.reset();
        if (!config->interruption_queue.empty())
          queue_ = std::make_unique<power::InterruptionQueue>(config->interruption_queue,
                                                              config->queue_profile);
      }
    }
    bool whole = clock::mono_ms() >= next_ms;
    pass(*config, whole);
    if (whole) next_ms = clock::mono_ms() + config->interval_s * 1'000;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(std::min(kLookMs, config->interval_s * 1'000)),
                   [this] { return stop_ || fresh_ != nullptr; });
  }
}

// What a pass needs is opened anew: a record that was moved away and back, or a profile's keys, are
// not to be believed for ever.
void PowerRole::pass(const power::Config& config, bool whole) {
  auto failed = [&](const std::string& why) {
    ++failed_passes_;
    log::once(log::Level::error, "power.pass", why);
  };
  auto record = power::Record::open(config.state);
  if (!record) return failed(record.error().what);
  power::RealPlaces places(config.state);
  power::Session session{config,  slurm::facts().cluster, config.state,       *record,
                         *owner_, places.places,          power::real_slurm()};
  Result<void> looked;
  try {
    if (queue_ && clock::mono_ms() >= queue_ms_) {
      queue_->look(session);
      queue_ms_ = clock::mono_ms() + kQueueMs;
    }
    looked = whole ? see_to_all(session) : power::follow_boots(session);
    power::finish(session);
  } catch (const journal::DbError& e) {
    looked = fail(e.what);
  }
  if (!looked) return failed(looked.error().what);
  if (!whole) return;
  ++passes_;
  last_pass_us_ = clock::wall_us();
  log::clear("power.pass", "nodes are seen to again");
}

std::string PowerRole::metrics_text() {
  return power_metrics(state_, {passes_, failed_passes_, last_pass_us_});
}

}  // namespace sluice::daemon
