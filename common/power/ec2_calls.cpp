#include "common/power/ec2_calls.h"

#include <algorithm>
#include <random>

#include "common/base/clock.h"
#include "common/power/ec2_cause.h"

namespace sluice::power::ec2 {
namespace {

constexpr size_t kMostAnswer = 16U << 20;
constexpr int64_t kPatienceMs = 60'000;
constexpr int64_t kFirstPauseMs = 200;
constexpr int64_t kLongestPauseMs = 10'000;

// Between half of it and one and a half, so that many hosts do not come back at once.
int64_t around(int64_t ms) {
  static std::minstd_rand random(std::random_device{}());
  return std::uniform_int_distribution<int64_t>(ms / 2, ms + ms / 2)(random);
}

}  // namespace

Calls::Calls(const std::string& region, const std::string& profile, aws::Surroundings s,
             const std::string& state)
    : http_(s.http) {
  // Which account a profile is of only the credentials say: one bucket for each name of it.
  if (!state.empty()) buckets_.emplace(state, region + "/" + profile);
  aws::CallerConfig config;
  config.service = "ec2";
  config.endpoint_id = "EC2";
  config.region = region;
  config.profile = profile;
  config.max_response = kMostAnswer;
  caller_ = std::make_shared<aws::Caller>(std::move(config), std::move(s));
}

void Calls::call(const char* action, const std::string& body, aws::OnAnswer done) {
  ++open_;
  attempt(action, body, clock::mono_ms() + kPatienceMs, kFirstPauseMs, std::move(done));
}

void Calls::attempt(const char* action, const std::string& body, int64_t deadline, int64_t pause,
                    aws::OnAnswer done) {
  if (int64_t wait = buckets_ ? buckets_->take(action) : 0; wait > 0) {
    later_.emplace_back(clock::mono_ms() + wait, [self = shared_from_this(), action, body, wait,
                                                  deadline, pause, done = std::move(done)] {
      self->attempt(action, body, deadline + wait, pause, done);
    });
    return;
  }
  ++made_[action];
  aws::Call call;
  call.action = action;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.body = body;
  caller_->call(std::move(call), [self = shared_from_this(), action, body, deadline, pause,
                                  done = std::move(done)](aws::Answer answer) {
    int64_t wait = std::max(answer.retry_after_ms, around(pause));
    if (self->buckets_ && !answer.ok && refusal_of(answer).cause == Cause::throttled)
      self->buckets_->drain(action);
    if (answer.ok || !is_passing(answer) || clock::mono_ms() + wait >= deadline) {
      --self->open_;
      done(std::move(answer));
      return;
    }
    self->later_.emplace_back(clock::mono_ms() + wait, [self, action, body, deadline, pause, done] {
      self->attempt(action, body, deadline, std::min(pause * 2, kLongestPauseMs), done);
    });
  });
}

bool Calls::poll(int64_t timeout_ms) {
  int64_t now = clock::mono_ms();
  std::list<std::pair<int64_t, std::function<void()>>> due;
  for (auto it = later_.begin(); it != later_.end();) {
    auto next = std::next(it);
    if (it->first <= now)
      due.splice(due.end(), later_, it);
    else
      timeout_ms = std::min(timeout_ms, it->first - now);
    it = next;
  }
  for (auto& [when, again] : due) again();
  if (open_ == 0) return false;
  http_->poll(timeout_ms);
  return open_ > 0;
}

}  // namespace sluice::power::ec2
