#include "common/aws/credentials.h"

#include <cstdlib>
#include <random>
#include <utility>

#include "common/base/clock.h"

namespace sluice::aws {
namespace {

constexpr int64_t kSecond = 1'000'000;
// AWS issues the next credentials five minutes before the last ones expire, at the latest.
constexpr int64_t kRenewBefore = 300 * kSecond;
// So that a thousand nodes do not ask the metadata service in the same second.
constexpr int64_t kJitter = 120 * kSecond;
// A request signed this close to the end would arrive too late.
constexpr int64_t kLastMoment = 10 * kSecond;
constexpr int64_t kRetryRenewalMs = 30'000;

int64_t jitter() {
  static std::minstd_rand random{std::random_device{}()};
  return std::uniform_int_distribution<int64_t>(0, kJitter)(random);
}

}  // namespace

Surroundings real_surroundings(http::Client* http) {
  Surroundings s;
  s.env = [](const char* name) {
    const char* v = getenv(name);
    return std::string(v != nullptr ? v : "");
  };
  s.http = http;
  return s;
}

std::shared_ptr<CredentialSource> CredentialSource::standard(const Surroundings& s,
                                                             const std::string& profile) {
  std::vector<ProviderPtr> chain;
  if (!profile.empty()) {
    chain.push_back(profile_provider(s, profile, true));
  } else {
    std::string named = s.env("AWS_PROFILE");
    chain.push_back(environment_provider(s));
    chain.push_back(web_identity_provider(s));
    chain.push_back(profile_provider(s, named.empty() ? "default" : named, !named.empty()));
    chain.push_back(container_provider(s));
    chain.push_back(imds_provider(s));
  }
  return std::make_shared<CredentialSource>(std::move(chain));
}

void CredentialSource::get(OnCredentials got) {
  int64_t now = clock::wall_us();
  bool usable = have_ && (cached_.expires_us == 0 || now < cached_.expires_us - kLastMoment);
  bool renew = have_ && cached_.expires_us != 0 && now >= renew_us_;
  if (!usable) {
    waiting_.push_back(std::move(got));
    if (!fetching_) fetch();
    return;
  }
  Credentials current = cached_;  // a fetch that ends at once replaces them
  if (!fetching_ && renew && clock::mono_ms() >= not_before_ms_) fetch();
  got(std::move(current));
}

void CredentialSource::refuse(const Credentials& used) {
  if (have_ && used.access_key == cached_.access_key &&
      used.session_token == cached_.session_token && used.secret_key == cached_.secret_key)
    have_ = false;
  if (!have_ && !fetching_) fetch();
}

void CredentialSource::fetch() {
  fetching_ = true;
  ask(0, {});
}

void CredentialSource::ask(size_t i, std::string tried) {
  if (i == chain_.size()) {
    settle(fail("no AWS credentials: " + tried));
    return;
  }
  ProviderPtr provider = chain_[i];
  provider->fetch([weak = weak_from_this(), i, tried = std::move(tried)](Fetched f) {
    auto self = weak.lock();
    if (!self) return;
    if (f) {
      f->from = self->chain_[i]->name();
      self->settle(std::move(*f));
      return;
    }
    std::string all = tried;
    if (!all.empty()) all += "; ";
    all += self->chain_[i]->name();
    all += ": " + f.error().why;
    if (f.error().configured)
      self->settle(fail("no AWS credentials: " + all));
    else
      self->ask(i + 1, std::move(all));
  });
}

void CredentialSource::settle(Result<Credentials> result) {
  fetching_ = false;
  if (result && result->expires_us != 0 && result->expires_us - kLastMoment <= clock::wall_us())
    result = fail("the AWS credentials from " + result->from +
                  " have expired already; check this machine's clock");
  if (result) {
    cached_ = *result;
    have_ = true;
    renew_us_ = cached_.expires_us - kRenewBefore - jitter();
    // Credentials shorter-lived than that are renewed at half their time.
    int64_t now = clock::wall_us();
    if (renew_us_ <= now) renew_us_ = now + (cached_.expires_us - now) / 2;
  } else {
    not_before_ms_ = clock::mono_ms() + kRetryRenewalMs;
  }
  for (auto waiting = std::exchange(waiting_, {}); auto& got : waiting) got(result);
}

}  // namespace sluice::aws
