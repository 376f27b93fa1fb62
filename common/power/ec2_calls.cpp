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
  attempt(std::make_shared<Try>(
      Try{action, body, clock::mono_ms() + kPatienceMs, kFirstPauseMs, false, std::move(done)}));
}

void Calls::attempt(const std::shared_ptr<Try>& one) {
  auto again_in = [this, one](int64_t wait) {
    later_.emplace_back(clock::mono_ms() + wait,
                        [self = shared_from_this(), one] { self->attempt(one); });
  };
  if (int64_t wait = buckets_ ? buckets_->take(one->action) : 0; wait > 0) {
    one->deadline_ms += wait;
    again_in(wait);
    return;
  }
  ++made_[one->action];
  aws::Call call;
  call.action = one->action;
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  call.body = one->body;
  caller_->call(std::move(call), [self = shared_from_this(), one, again_in](aws::Answer answer) {
    Cause cause = answer.ok ? Cause::unavailable : refusal_of(answer).cause;
    if (!answer.ok && cause == Cause::unavailable) one->lost_one = true;
    if (self->buckets_ && !answer.ok && cause == Cause::throttled)
      self->buckets_->drain(one->action);
    int64_t wait = std::max(answer.retry_after_ms, around(one->pause_ms));
    if (answer.ok || !is_passing(answer) || clock::mono_ms() + wait >= one->deadline_ms) {
      --self->open_;
      answer.lost_one = one->lost_one;
      one->done(std::move(answer));
      return;
    }
    one->pause_ms = std::min(one->pause_ms * 2, kLongestPauseMs);
    again_in(wait);
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
