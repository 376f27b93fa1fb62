#include "common/aws/caller.h"

#include "common/aws/region.h"
#include "common/base/clock.h"
#include "common/http/url.h"

namespace sluice::aws {

Caller::Caller(CallerConfig config, Surroundings s)
    : config_(std::move(config)),
      s_(std::move(s)),
      credentials_(CredentialSource::standard(s_, config_.profile)) {}

void Caller::with_region(Then then) {
  if (signer_) {
    then({});
    return;
  }
  waiting_.push_back(std::move(then));
  if (std::exchange(finding_, true)) return;
  auto found = [weak = weak_from_this()](const Result<std::string>& region) {
    auto self = weak.lock();
    if (!self) return;
    self->finding_ = false;
    Result<void> result;
    if (region) {
      self->signer_ = std::make_unique<Signer>(*region, self->config_.service);
      self->url_ = self->config_.endpoint.empty() ? endpoint_for(self->s_, self->config_.service,
                                                                 self->config_.endpoint_id, *region)
                                                  : self->config_.endpoint;
    } else {
      result = std::unexpected(region.error());
    }
    for (auto waiting = std::exchange(self->waiting_, {}); auto& w : waiting) w(result);
  };
  if (config_.region.empty())
    find_region(s_, config_.profile, found);
  else
    found(config_.region);
}

void Caller::call(Call call, OnAnswer done) {
  auto failed = [action = call.action, done](const Error& e) {
    Answer a;
    a.kind = Kind::credentials;
    a.why = action + ": " + e.what;
    done(std::move(a));
  };
  // Shared, because callbacks must be copyable and a body is large.
  auto held = std::make_shared<Call>(std::move(call));
  auto self = shared_from_this();
  with_region([self, held, done = std::move(done), failed](const Result<void>& region) {
    if (!region) {
      failed(region.error());
      return;
    }
    self->credentials_->get([self, held, done, failed](const Result<Credentials>& c) {
      if (c)
        self->send(std::move(*held), *c, done);
      else
        failed(c.error());
    });
  });
}

void Caller::send(Call call, const Credentials& credentials, OnAnswer done) {
  http::Request r;
  r.url = url_;
  r.headers = std::move(call.headers);
  r.body = std::move(call.body);
  r.timeout_ms = config_.timeout_ms;
  r.max_response = config_.max_response;
  r.group = std::move(call.group);
  r.at_once = call.at_once;
  r.proxy = s_.proxy;
  r.ca_file = s_.ca_file;
  if (auto ok = signer_->sign(&r, credentials, clock::wall_us()); !ok) {
    Answer a;
    a.kind = Kind::unavailable;  // an endpoint that is no URL: no fault of what is sent
    a.why = call.action + ": " + ok.error().what;
    done(std::move(a));
    return;
  }
  s_.http->send(std::move(r), [self = shared_from_this(), action = std::move(call.action),
                               credentials, done = std::move(done)](const http::Response& answer) {
    done(self->judge(action, answer, credentials));
  });
}

Answer Caller::judge(const std::string& action, const http::Response& answer,
                     const Credentials& used) {
  Answer a;
  a.unsent = answer.unsent;
  if (answer.unsent) return a;
  if (answer.status >= 200 && answer.status < 300) {
    a.ok = true;
    a.body = answer.body;
    return a;
  }
  if (answer.status == 0) {
    a.why = action + ": " + answer.error;
    return a;
  }
  ServiceError error = read_error(answer);
  a.kind = answer.status >= 300 && answer.status < 400 ? Kind::missing
                                                       : kind_of(answer.status, error.code);
  a.code = error.code;
  a.why = action + " to " + http::shown_url(url_) + ": " + describe(error);
  a.retry_after_ms = answer.retry_after_ms();
  if (a.kind == Kind::credentials || a.kind == Kind::denied) {
    a.why += "; signed with credentials from " + used.from + clock_hint(answer);
    credentials_->refuse(used);
  }
  return a;
}

}  // namespace sluice::aws
