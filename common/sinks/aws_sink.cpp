#include "common/sinks/aws_sink.h"

#include <algorithm>
#include <utility>

#include "common/aws/region.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sinks/http_keys.h"

namespace sluice::sinks {
namespace {

// A bus deleted meanwhile swallows events without a word, so it is looked at again now and then.
constexpr int64_t kCheckEveryMs = 600'000;
// The one code of a whole request that speaks of the message's characters and of nothing else.
constexpr std::string_view kBadContents = "InvalidMessageContents";

Outcome down(std::string why, int64_t retry_after_ms = -1) {
  return {Verdict::sink_down, std::move(why), retry_after_ms};
}

// The part that outlives the sink while calls are under way.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(AwsKeys keys, std::shared_ptr<const AwsService> service)
      : options_(keys.options),
        caller_(
            std::make_shared<aws::Caller>(std::move(keys.caller), std::move(keys.surroundings))),
        service_(std::move(service)) {}

  const AwsSinkOptions& options() const { return options_; }
  const AwsService& service() const { return *service_; }
  void send(std::span<const StoredEvent> batch, Delivered done);
  void check(Checked done);

 private:
  struct Batch {
    Events events;              // what fits at all
    std::vector<size_t> place;  // where each is in the caller's batch
    std::vector<Outcome> outcomes;
    std::vector<size_t> doubtful;  // refused alone, by places
    Delivered done;
  };
  using BatchPtr = std::shared_ptr<Batch>;

  void deliver(const BatchPtr& batch, size_t from, size_t n, std::function<void()> then);
  void one_by_one(const BatchPtr& batch, size_t at);

  AwsSinkOptions options_;
  std::shared_ptr<aws::Caller> caller_;
  std::shared_ptr<const AwsService> service_;
  bool seen_ = false;  // a check found the receiver, and nothing since said that it is gone
  int64_t checked_ms_ = -1;
  bool checking_ = false;
  std::vector<Checked> waiting_;
};

void Exchange::check(Checked done) {
  waiting_.push_back(std::move(done));
  if (std::exchange(checking_, true)) return;
  caller_->call(service_->check_call(), [self = shared_from_this()](const aws::Answer& answer) {
    self->checking_ = false;
    self->seen_ = answer.ok || (self->seen_ && answer.kind != aws::Kind::missing);
    self->checked_ms_ = self->seen_ ? clock::mono_ms() : -1;
    std::string problem = answer.why;
    if (!answer.ok) problem += self->service_->advice(answer.kind);
    for (auto waiting = std::exchange(self->waiting_, {}); auto& w : waiting) w(problem);
  });
}

void Exchange::send(std::span<const StoredEvent> events, Delivered done) {
  bool due = checked_ms_ < 0 || clock::mono_ms() - checked_ms_ > kCheckEveryMs;
  if (options_.check_first && due) {
    check([self = shared_from_this(), events, done = std::move(done)](const std::string& problem) {
      if (self->seen_) {
        // What was there and cannot be looked at just now is hardly gone.
        if (!problem.empty())
          log::warning("sink " + self->options_.group + ": looking again failed: " + problem);
        self->send(events, done);
      } else {
        done(std::vector<Outcome>(events.size(), down(problem)));
      }
    });
    return;
  }
  auto batch = std::make_shared<Batch>();
  batch->outcomes.resize(events.size());
  batch->done = std::move(done);
  for (size_t i = 0; i < events.size(); ++i) {
    size_t size = service_->wire_size(events[i]);
    if (size > options_.batch_bytes) {
      batch->outcomes[i] = {Verdict::refused,
                            "the event is " + std::to_string(size) +
                                " bytes, more than a request may have (max_request_kib: " +
                                std::to_string(options_.batch_bytes >> 10) + ")",
                            -1};
      continue;
    }
    batch->events.push_back(&events[i]);
    batch->place.push_back(i);
  }
  deliver(batch, 0, batch->events.size(), [batch] { batch->done(std::move(batch->outcomes)); });
}

// Sends events [from, from + n) in one call, writes their outcomes, then goes on with `then`.
void Exchange::deliver(const BatchPtr& batch, size_t from, size_t n, std::function<void()> then) {
  if (n == 0) {
    then();
    return;
  }
  auto first = batch->events.begin() + static_cast<std::ptrdiff_t>(from);
  auto part = std::make_shared<const Events>(first, first + static_cast<std::ptrdiff_t>(n));
  aws::Call call = service_->render(*part);
  call.group = options_.group;
  call.at_once = options_.in_flight;
  caller_->call(std::move(call), [self = shared_from_this(), batch, part, from, n,
                                  then = std::move(then)](const aws::Answer& answer) {
    std::vector<Outcome> got;
    if (answer.unsent) {
      got.assign(n, {Verdict::unsent, {}, -1});
    } else if (answer.ok) {
      got = self->service_->judge(*part, answer.body);
      if (got.size() != n) got.assign(n, down("the answer is not what this service answers"));
    } else if (answer.kind == aws::Kind::invalid || answer.kind == aws::Kind::too_large) {
      // One bad event must not take the others with it: find out which it is.
      if (n > 1) {
        self->one_by_one(batch, 0);
        return;
      }
      // Whose fault that is shows when the service takes another of them: see one_by_one.
      bool known = answer.kind == aws::Kind::too_large || answer.code == kBadContents;
      if (!known) batch->doubtful.push_back(batch->place[from]);
      got.assign(1, known ? Outcome{Verdict::refused, answer.why, -1} : down(answer.why));
    } else {
      if (answer.kind == aws::Kind::missing) {
        self->seen_ = false;
        self->checked_ms_ = -1;
      }
      got.assign(n, down(answer.why + self->service_->advice(answer.kind), answer.retry_after_ms));
    }
    for (size_t i = 0; i < n; ++i) batch->outcomes[batch->place[from + i]] = std::move(got[i]);
    then();
  });
}

void Exchange::one_by_one(const BatchPtr& batch, size_t at) {
  if (at == batch->events.size()) {
    bool any_taken = std::ranges::any_of(
        batch->outcomes, [](const Outcome& o) { return o.verdict == Verdict::taken; });
    if (any_taken)
      for (size_t place : batch->doubtful) batch->outcomes[place].verdict = Verdict::refused;
    batch->done(std::move(batch->outcomes));
    return;
  }
  deliver(batch, at, 1,
          [self = shared_from_this(), batch, at] { self->one_by_one(batch, at + 1); });
}

class AwsSink : public Sink {
 public:
  explicit AwsSink(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

  SinkLimits limits() const override {
    const auto& o = exchange_->options();
    return {o.batch, o.batch_bytes, o.in_flight};
  }
  size_t wire_size(const StoredEvent& event) const override {
    return exchange_->service().wire_size(event);
  }
  void send(std::span<const StoredEvent> batch, Delivered done) override {
    exchange_->send(batch, std::move(done));
  }
  void check(Checked done) override { exchange_->check(std::move(done)); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace

AwsKeys read_aws_keys(config::Fields& fields, const SinkContext& context) {
  AwsKeys keys;
  keys.caller.region = fields.str("region");
  if (!keys.caller.region.empty() && !aws::is_region(keys.caller.region))
    fields.problem("region", "must be an AWS region such as eu-central-1");
  keys.caller.profile = fields.str("profile");
  keys.caller.endpoint = read_url(fields, "endpoint", false);
  keys.options.in_flight = static_cast<size_t>(fields.integer("in_flight", 8, 1, 64));
  keys.options.group = context.name;
  // AWS counted 256 KiB for years and takes 1 MiB since; the small one works with both.
  keys.options.batch_bytes = static_cast<size_t>(fields.integer("max_request_kib", 256, 1, 1024))
                             << 10;
  HttpKeys http = read_http_keys(fields);
  keys.caller.timeout_ms = http.timeout_ms;
  keys.surroundings = aws::real_surroundings(context.http);
  keys.surroundings.proxy = http.proxy;
  keys.surroundings.ca_file = http.ca_file;
  return keys;
}

std::unique_ptr<Sink> make_aws_sink(AwsKeys keys, std::shared_ptr<const AwsService> service) {
  return std::make_unique<AwsSink>(std::make_shared<Exchange>(std::move(keys), std::move(service)));
}

}  // namespace sluice::sinks
