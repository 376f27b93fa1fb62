#include "ctld/sluiced/delivery.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

constexpr size_t kWindowRows = 2048;  // in memory for one sink
constexpr size_t kWindowBytes = 4U << 20;
constexpr size_t kMostWaiting = 16'384;               // jobs whose next event waits for another try
constexpr int64_t kMostWaitUs = 3'600 * 1'000'000LL;  // as long as a receiver may ask for
constexpr int64_t kFewestTries = 8;                   // before an event is given up as too old
constexpr int64_t kFirstBackoffMs = 500;
constexpr int64_t kMostBackoffMs = 60'000;
constexpr int64_t kMostRetryAfterMs = 3'600'000;  // a receiver that asks for more is asked again
constexpr int64_t kTurnMs = 100;
constexpr int kAloneTries = 8;  // failures of one event while others go through

// Doubles each time, up to a minute, spread by a quarter so that sinks do not beat in step.
int64_t backoff_ms(int64_t failures) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  int64_t ms = kFirstBackoffMs << std::min<int64_t>(failures > 0 ? failures - 1 : 0, 7);
  ms = std::min(ms, kMostBackoffMs);
  return ms * 3 / 4 + static_cast<int64_t>(random()) % (ms / 4 + 1);
}

}  // namespace

Delivery::Delivery(const config::SinkConfig& config, std::unique_ptr<Sink> sink)
    : config_(config), sink_(std::move(sink)), limits_(sink_->limits()) {}

void Delivery::check(std::function<void(const std::string&)> told) {
  if (gone_) {  // it said never again
    if (told) told(problem_);
    return;
  }
  sink_->check([self = std::weak_ptr(self_), told = std::move(told)](std::string problem) {
    if (told) told(problem);
    auto here = self.lock();
    if (!here) return;
    Delivery& d = **here;
    if (problem.empty())
      log::info("sink " + d.name() + " is reachable");
    else
      log::warning("sink " + d.name() + ": " + problem);
    // Deliveries know better: not every receiver that takes events lets itself be looked at.
    if (d.last_success_ms_ == 0) d.unproven_ = std::move(problem);
  });
}

void Delivery::goes_on_from(const Delivery& before) {
  totals_ = before.totals_;
  if (!before.asked_to_wait_ || before.gone_ || before.config_.settings != config_.settings) return;
  up_ = false;
  asked_to_wait_ = true;
  asked_ms_ = before.asked_ms_;
  down_until_ms_ = before.down_until_ms_;
  failures_ = before.failures_;
  problem_ = before.problem_;
}

void Delivery::rescan() {
  exhausted_ = false;
  lanes_.forget_position();
}

void Delivery::refill(journal::Journal& journal) {
  if (lanes_.wants_reread()) rescan();
  auto full = [this] {
    return gone_ || lanes_.rows() > kWindowRows / 2 || lanes_.bytes() > kWindowBytes / 2;
  };
  for (int64_t seq = 0; !full() && (seq = lanes_.wanted(clock::mono_us())) != 0;) {
    auto row = journal.queued(name(), seq - 1, 1, kWindowBytes);
    if (!row.empty() && row.front().event.seq == seq)
      lanes_.reread(std::move(row.front()));
    else
      lanes_.settled(seq);  // dropped meanwhile
  }
  if (exhausted_ || full() || lanes_.waiting() >= kMostWaiting) return;
  // Read again, what was delivered and not yet written would be there as if it were not.
  if (lanes_.rereading() && has_outcomes()) return;
  auto rows = journal.queued(name(), lanes_.last_seq(), kWindowRows / 2, kWindowBytes / 2);
  exhausted_ = rows.empty();
  // In memory by the clock that is never set; whoever set the other one makes nothing wait longer
  // than any backoff is.
  int64_t now = clock::mono_us();
  int64_t wall = clock::wall_us();
  for (auto& row : rows) {
    if (row.attempts > 0) attempts_.try_emplace(row.event.seq, row.attempts);
    row.next_us = row.next_us <= wall ? 0 : now + std::min(row.next_us - wall, kMostWaitUs);
  }
  lanes_.add(std::move(rows));
}

void Delivery::pump() {
  flowing_ = true;
  if (std::exchange(pumping_, true)) return;  // a sink may answer from send() itself
  send_more();
  pumping_ = false;
}

void Delivery::send_more() {
  int64_t now = clock::mono_ms();
  if (gone_ || (now < down_until_ms_ && !one_suspect())) return;
  // As many again as may be under way are made ready and wait in the client, so that a connection
  // never waits for this thread; they come back unsent when one fails. One call at a time until the
  // sink has taken something again.
  size_t most_calls = up_ ? limits_.in_flight * 2 : 1;
  // Of a sink that is down the oldest and the newest are tried in turn: many events that it cannot
  // digest, one behind the other, must not pass for an outage.
  auto first = !up_ && failures_ % 2 == 1 ? Lanes::First::newest : Lanes::First::oldest;
  while (!gone_ && calls_ < most_calls) {
    auto items = lanes_.take(limits_.batch, limits_.batch_bytes, clock::mono_us(), first,
                             [this](const StoredEvent& e) { return sink_->wire_size(e); });
    if (items.empty()) return;
    auto batch = std::make_shared<std::vector<StoredEvent>>();
    batch->reserve(items.size());
    for (auto* item : items) batch->push_back(item->event);
    ++calls_;
    sink_->send(*batch, [self = std::weak_ptr(self_), batch,
                         began_ms = now](const std::vector<Outcome>& outcomes) {
      if (auto here = self.lock()) (*here)->done(*batch, began_ms, outcomes);
    });
    if (now < down_until_ms_ && !one_suspect()) return;  // it answered from send() itself
  }
}

void Delivery::done(const std::vector<StoredEvent>& batch, int64_t began_ms,
                    const std::vector<Outcome>& outcomes) {
  --calls_;
  fault::point("courier.taken");
  bool any_taken =
      std::ranges::any_of(outcomes, [](const Outcome& o) { return o.verdict == Verdict::taken; });
  bool any_down = std::ranges::any_of(
      outcomes, [](const Outcome& o) { return o.verdict == Verdict::sink_down; });
  bool none_sent =
      std::ranges::all_of(outcomes, [](const Outcome& o) { return o.verdict == Verdict::unsent; });
  // Any answer about an event, even a refusal, shows that the sink is there.
  if (any_taken || (!any_down && !none_sent)) {
    succeeded(began_ms);
  }
  if (any_down && !any_taken) {
    auto worst = std::ranges::find_if(
        outcomes, [](const Outcome& o) { return o.verdict == Verdict::sink_down; });
    down(*worst);
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    static const Outcome missing{Verdict::retry, "the sink said nothing about this event", -1};
    one_done(batch[i], i < outcomes.size() ? outcomes[i] : missing);
  }
  // The next goes at once and not after every other answer that is there to be read, so that the
  // receiver has something to do meanwhile.
  if (flowing_ && any_taken) pump();
}

void Delivery::succeeded(int64_t began_ms) {
  last_success_ms_ = clock::mono_ms();
  unproven_.clear();
  failures_ = 0;
  suspects_.clear();
  // Who asked to be left alone while this was under way has not changed their mind.
  if (asked_to_wait_ && began_ms <= asked_ms_ && last_success_ms_ < down_until_ms_) return;
  if (!up_) log::info("sink " + name() + " takes events again");
  up_ = true;
  asked_to_wait_ = false;
  down_until_ms_ = 0;
  problem_.clear();
}

void Delivery::one_done(const StoredEvent& event, const Outcome& o) {
  switch (o.verdict) {
    case Verdict::taken:
      ++totals_.delivered;
      return end({event.seq, Ended::How::settled, 0, 0, {}});
    case Verdict::refused:
      log::warning("sink " + name() + ": event " + event.id + " (" + event.type + ", " +
                   event.subject + "): " + o.reason + "; kept as a dead letter");
      return end({event.seq, Ended::How::buried, attempts_[event.seq] + 1, 0, o.reason});
    case Verdict::retry:
    case Verdict::sink_down:
      return retry(event, o);
    case Verdict::unsent:
      return lanes_.returned(event.seq);
    case Verdict::sink_gone:
      gone_ = true;
      up_ = false;
      problem_ = o.reason;
      log::error("sink " + name() + ": " + o.reason +
                 "; disabled until sluiced reloads its configuration, its events wait");
      lanes_.returned(event.seq);
      return;
  }
}

// An event that fails alone has a count of its own; when the whole sink is down the next try takes
// another event, so that one that the receiver cannot digest does not pass for an outage.
//
// Who is throttled, entry by entry or by Retry-After, is told to come again: that counts against
// nobody, however often.
void Delivery::retry(const StoredEvent& event, const Outcome& o) {
  int64_t now = clock::mono_ms();
  Trouble& t = trouble_[event.seq];
  bool asked = o.verdict == Verdict::retry || o.retry_after_ms >= 0;
  bool alone = !asked && t.last_ms > 0 && last_success_ms_ > t.last_ms;
  if (alone) ++t.alone;
  t.last_ms = now;
  if (o.verdict == Verdict::sink_down) suspects_.insert(event.seq);
  ++totals_.retried;
  int64_t attempts = ++attempts_[event.seq];
  if (too_old(event))
    return end({event.seq, Ended::How::buried, attempts, 0,
                "gave up after " + std::to_string(config_.give_up_hours) + " h: " + o.reason});
  if (t.alone >= kAloneTries && last_success_ms_ > 0)
    return end({event.seq, Ended::How::buried, attempts, 0,
                "gave up after " + std::to_string(attempts) + " tries: " + o.reason});
  int64_t wait = o.retry_after_ms >= 0         ? std::min(o.retry_after_ms, kMostRetryAfterMs)
                 : o.verdict == Verdict::retry ? backoff_ms(attempts)
                                               : backoff_ms(std::max(t.alone, 1));
  // When the sink is tried again, another event has its turn first.
  if (int64_t down = down_until_ms_ - now; down > 0)
    wait = std::max(wait, down + down / 4 + kTurnMs);
  if (alone || o.verdict == Verdict::retry)
    log::warning("sink " + name() + ": event " + event.id + ": " + o.reason +
                 "; kept, next try in " + std::to_string((wait + 999) / 1000) + " s");
  end({event.seq, Ended::How::postponed, attempts, clock::wall_us() + wait * 1000, o.reason});
}

// All failures since the last success were of one event: it may be that event and not the sink, so
// the next one need not wait. In an outage this costs one call more.
bool Delivery::one_suspect() const {
  return suspects_.size() == 1 && !asked_to_wait_;
}

void Delivery::down(const Outcome& o) {
  ++failures_;
  int64_t wait =
      o.retry_after_ms >= 0 ? std::min(o.retry_after_ms, kMostRetryAfterMs) : backoff_ms(failures_);
  int64_t now = clock::mono_ms() + 1;  // rounded up: who asks for a second is not called before it
  // Of two that ask, the one who wants more; a failure does not cut a pause short either.
  bool pausing = asked_to_wait_ && now < down_until_ms_;
  down_until_ms_ = pausing ? std::max(down_until_ms_, now + wait) : now + wait;
  asked_to_wait_ = pausing || o.retry_after_ms >= 0;
  if (o.retry_after_ms >= 0) asked_ms_ = now;
  if (up_)
    log::warning("sink " + name() + ": " + o.reason +
                 "; its events wait in the journal, next try in " +
                 std::to_string((wait + 999) / 1000) + " s");
  up_ = false;
  problem_ = o.reason;
}

void Delivery::end(Ended ended) {
  if (outcomes_.empty()) outcomes_since_ms_ = clock::mono_ms();
  if (ended.how != Ended::How::postponed) {
    trouble_.erase(ended.seq);
    attempts_.erase(ended.seq);
  }
  // The next of the lane may go at once: a repeat after a crash keeps the order.
  if (ended.how == Ended::How::postponed)
    lanes_.postponed(ended.seq,
                     clock::mono_us() + std::max<int64_t>(ended.next_us - clock::wall_us(), 1));
  else
    lanes_.settled(ended.seq);
  if (ended.how == Ended::How::buried) ++totals_.dead;
  outcomes_.push_back(std::move(ended));
}

bool Delivery::too_old(const StoredEvent& event) const {
  // By when it was queued: what is replayed has its chance. A clock that is set forward ages
  // everything at once, so some tries are asked for too, unless nothing went through for as long.
  if (clock::wall_us() - lanes_.head(event.seq).since_us <= config_.give_up_hours * 3'600'000'000)
    return false;
  int64_t silent_ms = clock::mono_ms() - std::max(last_success_ms_, made_ms_);
  return attempts_.at(event.seq) >= std::max(config_.give_up_hours, kFewestTries) ||
         silent_ms > config_.give_up_hours * 3'600'000;
}

void Delivery::write(journal::Journal& journal) {
  std::vector<int64_t> settled;
  for (const auto& e : outcomes_) {
    switch (e.how) {
      case Ended::How::settled:
        settled.push_back(e.seq);
        break;
      case Ended::How::buried:
        journal.bury(name(), e.seq, e.reason, e.attempts);
        break;
      case Ended::How::postponed:
        journal.postpone(name(), e.seq, e.attempts, e.next_us, e.reason);
        break;
    }
  }
  // Mostly neighbours, which leave the queue in one statement.
  std::ranges::sort(settled);
  for (size_t i = 0; i < settled.size();) {
    size_t first = i++;
    while (i < settled.size() && settled[i] == settled[i - 1] + 1) ++i;
    journal.settle(name(), settled[first], settled[i - 1]);
  }
}

void Delivery::written() {
  outcomes_.clear();
}

int64_t Delivery::next_try_ms() const {
  if (gone_) return INT64_MAX;
  int64_t now = clock::mono_ms();
  if (now < down_until_ms_) return down_until_ms_;
  if (!exhausted_ && lanes_.rows() == 0 && lanes_.waiting() < kMostWaiting)
    return now;  // there may be more in the journal
  if (lanes_.next_us() == INT64_MAX) return INT64_MAX;
  return std::max(now, lanes_.next_us() / 1000 + 1);
}

SinkStats Delivery::stats() const {
  SinkStats s = totals_;
  s.up = up_ && unproven_.empty();
  s.disabled = gone_;
  s.problem = problem_.empty() ? unproven_ : problem_;
  return s;
}

}  // namespace sluice::daemon
