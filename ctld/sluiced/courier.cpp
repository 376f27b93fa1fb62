#include "ctld/sluiced/courier.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr size_t kOutcomesAtOnce = 500;   // in one transaction
constexpr int64_t kOutcomesAgeMs = 20;    // the longest a delivery stays unwritten
constexpr int64_t kWriteAgainMs = 1'000;  // after the journal could not be written
constexpr size_t kMostUnwritten = 20'000;
constexpr int64_t kStopMs = 2'000;
constexpr int64_t kShowMs = 200;
constexpr int64_t kTickMs = 500;

}  // namespace

Courier::Courier(Kind kind, std::shared_ptr<const config::Config> config, journal::Journal journal,
                 std::string cluster, Stats& stats)
    : kind_(kind),
      config_(std::move(config)),
      journal_(std::move(journal)),
      cluster_(std::move(cluster)),
      stats_(stats) {
  open_sinks();
  thread_ = std::thread([this] { loop(); });
}

Courier::~Courier() {
  stop_ = true;
  http_.wake();
  thread_.join();
}

void Courier::journaled() {
  journaled_ = true;
  http_.wake();
}

void Courier::requeued() {
  requeued_ = true;
  http_.wake();
}

void Courier::reload(std::shared_ptr<const config::Config> config) {
  {
    std::lock_guard lock(mutex_);
    new_config_ = std::move(config);
  }
  http_.wake();
}

void Courier::probe(std::shared_ptr<Probe> probe) {
  {
    std::lock_guard lock(mutex_);
    probes_.push_back(std::move(probe));
  }
  http_.wake();
}

void Courier::take_probes() {
  std::vector<std::shared_ptr<Probe>> probes;
  {
    std::lock_guard lock(mutex_);
    probes.swap(probes_);
  }
  for (const auto& probe : probes)
    for (auto& [name, sink] : sinks_)
      sink->check([probe, name](const std::string& problem) { probe->found(name, problem); });
}

void Courier::take_config() {
  std::shared_ptr<const config::Config> fresh;
  {
    std::lock_guard lock(mutex_);
    fresh = new_config_;
  }
  if (!fresh) return;
  come_to_rest();
  if (!write_outcomes()) return;  // and again at the next turn
  config_ = std::move(fresh);
  {
    std::lock_guard lock(mutex_);
    if (new_config_ == config_) new_config_.reset();
  }
  open_sinks();
}

// Of a job one event at a time is under way, also across a reload, and nothing goes to a place that
// the configuration does not name any more. What is cut off here is sent again, with the same id.
void Courier::come_to_rest() {
  for (auto& [name, sink] : sinks_) sink->hold();
  http_.recall();
  int64_t until = clock::mono_ms() + kStopMs;
  auto idle = [](const auto& s) { return s.second->idle(); };
  while (!std::ranges::all_of(sinks_, idle) && clock::mono_ms() < until) http_.poll(kTickMs / 10);
}

// Sinks are made anew, with every outcome written.
void Courier::open_sinks() {
  auto old = std::exchange(sinks_, {});
  http_.drop();
  std::set<std::string> names;
  for (const auto& [name, sink] : config_->sinks) {
    names.insert(name);
    if ((sink.type == "file") != (kind_ == Kind::files)) continue;
    config::Problems problems;
    auto settings = Json::parse(sink.settings);
    auto made = make_sink(settings ? *settings : Json(), {name, cluster_, &http_}, &problems);
    if (!made) {
      for (const auto& p : problems) log::error("sink " + name + ": " + p.text());
      continue;
    }
    auto& delivery = sinks_[name] = std::make_unique<Delivery>(sink, std::move(made));
    if (auto before = old.find(name); before != old.end()) delivery->goes_on_from(*before->second);
    delivery->check();
  }
  stats_.keep_sinks(names);
}

void Courier::loop() {
  int64_t stop_at = INT64_MAX;
  for (;;) {
    int64_t now = clock::mono_ms();
    if (stop_ && stop_at == INT64_MAX) stop_at = now + kStopMs;
    take_config();
    take_probes();
    bool news = journaled_.exchange(false);
    // What was delivered must have left the queue before it is read from its start again.
    bool older = requeued_ && write_outcomes() && requeued_.exchange(false);
    size_t unwritten = 0;
    int64_t oldest = INT64_MAX;
    int64_t next = now + kTickMs;
    bool idle = true;
    for (auto& [name, sink] : sinks_) {
      if (news) sink->more_rows();
      if (older) sink->rescan();
      if (!stop_ && unwritten < kMostUnwritten) {
        if (sink->must_write()) write_outcomes();
        try {
          sink->refill(journal_);
        } catch (const journal::DbError& e) {
          log::once(log::Level::error, "courier-read", e.what);
        }
        sink->pump();
      } else {
        sink->hold();
      }
      unwritten += sink->outcomes();
      if (sink->has_outcomes()) oldest = std::min(oldest, sink->outcomes_since_ms());
      next = std::min(next, sink->next_try_ms());
      idle = idle && sink->idle();
    }
    if (unwritten >= kOutcomesAtOnce || (unwritten > 0 && now - oldest >= kOutcomesAgeMs) || stop_)
      write_outcomes();
    else if (unwritten > 0)
      next = std::min(next, oldest + kOutcomesAgeMs);
    if (now - shown_ms_ >= kShowMs) show();
    if (stop_ && (idle || now >= stop_at)) break;
    http_.poll(std::clamp<int64_t>(next - clock::mono_ms(), 0, kTickMs));
  }
  write_outcomes();
  show();
}

bool Courier::write_outcomes() {
  if (std::ranges::none_of(sinks_, [](const auto& s) { return s.second->has_outcomes(); }))
    return true;
  if (clock::mono_ms() < write_retry_ms_) return false;
  try {
    journal::Transaction t(journal_.db());
    for (auto& [name, sink] : sinks_) sink->write(journal_);
    fault::point("courier.unwritten");
    t.commit();
  } catch (const journal::DbError& e) {
    // Kept in memory and tried again; a crash before that makes repeats, not losses.
    write_retry_ms_ = clock::mono_ms() + kWriteAgainMs;
    log::once(log::Level::error, "courier-write", e.what + "; tried again every second");
    return false;
  }
  fault::point("courier.written");
  log::clear("courier-write", "deliveries can be written to the journal again");
  for (auto& [name, sink] : sinks_) sink->written();
  return true;
}

void Courier::show() {
  shown_ms_ = clock::mono_ms();
  for (auto& [name, sink] : sinks_) stats_.set_sink(name, sink->stats());
  (kind_ == Kind::files ? stats_.files_cpu_us : stats_.courier_cpu_us) =
      clock::thread_cpu_us(pthread_self());
  if (kind_ == Kind::network) stats_.http_cpu_us = http_.cpu_us();
}

}  // namespace sluice::daemon
