#include "ctld/sluiced/sweeper.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/slurm/jobs.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kShortestMs = 2'000;  // between two sweeps, however much is wanted
constexpr int64_t kLongestMs = 300'000;
constexpr int64_t kAgainMs = 5'000;       // after one that failed
constexpr int64_t kStandByMs = 5'000;     // between two looks whether this host took over
constexpr int64_t kStampUs = 60'000'000;  // between two notes in the journal of being in charge
constexpr int64_t kStepUs = 500'000;      // a clock set by more than that has stepped
constexpr const char* kStandsBy =
    "this controller stands by: another one's sluiced sweeps and takes what nodes forward";

}  // namespace

Sweeper::Sweeper(std::string slurm_conf, int64_t interval_s, int64_t charged_us,
                 std::function<void(Sweep)> swept, Stats& stats)
    : slurm_conf_(std::move(slurm_conf)),
      interval_s_(interval_s),
      swept_(std::move(swept)),
      stats_(stats),
      charged_us_(charged_us) {
  stats_.in_charge = place() == 0;  // nodes may ask before the first look
  if (!stats_.in_charge) log::info(kStandsBy);
  thread_ = std::thread([this] { loop(); });
}

Sweeper::~Sweeper() {
  stop();
}

void Sweeper::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Sweeper::want() {
  {
    std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wake_.notify_one();
}

int64_t Sweeper::interval_ms() {
  int64_t age_ms = int64_t{slurm::facts().min_job_age} * 1000;
  int64_t wanted = interval_s_ > 0 ? interval_s_ * 1000 : age_ms / 3;
  int64_t every = std::clamp(wanted == 0 ? kLongestMs / 3 : wanted, kShortestMs, kLongestMs);
  if (age_ms > 0 && every * 2 > age_ms)
    log::once(log::Level::warning, "sweep-rare",
              "sweeps every " + std::to_string(every / 1000) +
                  " s are too rare for MinJobAge=" + std::to_string(age_ms / 1000) +
                  ": slurmctld may forget an ended job between two of them");
  return every;
}

void Sweeper::loop() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stop_) return;
      wanted_ = false;
    }
    bool charged = in_charge();
    note_charge(charged);
    if (!charged || clock_stepped()) stamp_ = 0;
    bool good = !charged || sweep();
    // Until its own slurmctld has taken over, a backup's host could ask nobody about what nodes
    // tell, and would make runs up.
    swept_well_ = charged && (good || swept_well_);
    bool takes = charged && (swept_well_ || place() == 0);
    if (stats_.in_charge.exchange(takes) != takes)
      log::info(takes ? "this controller is in charge now" : kStandsBy);
    int64_t every = !charged ? kStandByMs : good ? interval_ms() : kAgainMs;
    std::unique_lock lock(mutex_);
    // Not two in a row, however often a sweep is wanted: each locks slurmctld for a moment.
    wake_.wait_for(lock, std::chrono::milliseconds(kShortestMs), [this] { return stop_.load(); });
    wake_.wait_for(lock, std::chrono::milliseconds(every - kShortestMs),
                   [this] { return stop_.load() || wanted_; });
    if (whole_next_.exchange(false) || wanted_)
      stamp_ = 0;  // somebody missed something: an unchanged answer would not help
  }
}

// Who was not in charge for longer than slurmctld remembers finds runs open here that are over and
// told. After a start there is only the time to judge by: a backup takes over after
// SlurmctldTimeout, and what is in the journal is up to a minute old.
void Sweeper::note_charge(bool charged) {
  if (!charged) {
    was_charged_ = false;
    stood_by_ = true;
    return;
  }
  int64_t now = clock::wall_us();
  int64_t age_us = int64_t{slurm::facts().min_job_age} * 1'000'000;
  bool others = slurm::facts().controllers.size() > 1;
  int64_t least_us = stood_by_ ? 0 : slurm::facts().slurmctld_timeout * 1'000'000 + kStampUs;
  bool returns =
      !was_charged_ && others && age_us > 0 && now - charged_us_ > std::max(age_us, least_us);
  if (returns) took_over_us_ = now;
  was_charged_ = true;
  charged_us_ = now;
}

// slurmctld compares times to say that nothing changed: with its clock set back it would say so
// until the clock has caught up.
bool Sweeper::clock_stepped() {
  int64_t offset = clock::wall_us() - clock::mono_us();
  bool stepped = std::abs(offset - clock_offset_us_) > kStepUs;
  clock_offset_us_ = offset;
  return stepped;
}

// 0 also with one controller, and for a host that is none of them (slurm.conf may name addresses
// only): it sweeps, since a repeat is recognised and a gap is not.
size_t Sweeper::place() {
  auto controllers = slurm::facts().controllers;
  char host[256] = {};
  if (controllers.size() < 2 || ::gethostname(host, sizeof host - 1) != 0) return 0;
  std::string name(host, strcspn(host, "."));
  for (size_t i = 0; i < controllers.size(); ++i)
    if (controllers[i].substr(0, controllers[i].find('.')) == name) return i;
  return 0;
}

// A backup that stands by answers a ping as well. In charge is the first that answers at all.
bool Sweeper::in_charge() {
  for (size_t i = 0; i < place(); ++i)
    if (slurm::controller_answers(i)) return false;
  return true;
}

bool Sweeper::sweep() {
  auto result = run_sweep(slurm_conf_, &stamp_, stop_);
  if (!result) {
    ++stats_.sweep_failures;
    stats_.slurm_up = false;
    log::once(log::Level::warning, "sweep",
              "cannot reconcile: " + result.error().what + "; tried again every 5 s");
    return false;
  }
  ++stats_.sweeps;
  stats_.slurm_up = true;
  log::clear("sweep", "reconciling works again");
  result->told_elsewhere_before = took_over_us_ / 1'000'000;
  swept_(std::move(*result));
  return true;
}

}  // namespace sluice::daemon
