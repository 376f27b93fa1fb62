#include "common/aws/imds.h"

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/http/url.h"

namespace sluice::aws {
namespace {

// The service is on the machine's own link. Where it is not, nothing answers, and waiting longer
// does not help; one more attempt is for a packet lost.
constexpr int64_t kTimeoutMs = 1000;
constexpr int kAttempts = 2;
constexpr int64_t kTokenTtlS = 21'600;
constexpr size_t kMostBytes = 64U << 10;

http::Request request(const char* method, std::string url) {
  http::Request r;
  r.method = method;
  r.url = std::move(url);
  r.timeout_ms = kTimeoutMs;
  r.connect_timeout_ms = kTimeoutMs;
  r.max_response = kMostBytes;
  return r;
}

}  // namespace

bool Imds::disabled() const {
  return text::lower(s_.env("AWS_EC2_METADATA_DISABLED")) == "true";
}

std::string Imds::url(const std::string& path) const {
  std::string base = s_.env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty())
    base = text::lower(s_.env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")) == "ipv6"
               ? "http://[fd00:ec2::254]"
               : "http://169.254.169.254";
  while (base.ends_with('/')) base.pop_back();
  return base + path;
}

void Imds::get(const std::string& path, Answer answer) {
  if (disabled()) {
    answer(fail("AWS_EC2_METADATA_DISABLED is true"));
    return;
  }
  fetch(path, false, std::move(answer));
}

void Imds::with_token(std::function<void(Result<void>)> then) {
  if (!token_.empty() && clock::mono_ms() < token_until_ms_)
    then({});
  else
    ask_token(kAttempts, std::move(then));
}

void Imds::ask_token(int attempts_left, std::function<void(Result<void>)> then) {
  http::Request r = request("PUT", url("/latest/api/token"));
  r.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", std::to_string(kTokenTtlS));
  s_.http->send(std::move(r), [self = shared_from_this(), attempts_left,
                               then = std::move(then)](const http::Response& answer) {
    if (answer.status == 200 && !answer.body.empty() && answer.body.size() < 4096) {
      self->token_ = text::trim(answer.body);
      self->token_until_ms_ = clock::mono_ms() + (kTokenTtlS - 60) * 1000;
      then({});
    } else if (answer.status == 0 && attempts_left > 1) {
      self->ask_token(attempts_left - 1, then);
    } else if (answer.status == 0) {
      then(fail(answer.error));
    } else {
      then(fail("the metadata service answered the token request with " +
                std::to_string(answer.status)));
    }
  });
}

void Imds::fetch(const std::string& path, bool fresh_token, Answer answer) {
  with_token([self = shared_from_this(), path, fresh_token,
              answer = std::move(answer)](const Result<void>& token) {
    if (!token) {
      answer(std::unexpected(token.error()));
      return;
    }
    http::Request r = request("GET", self->url(path));
    r.headers.emplace_back("X-aws-ec2-metadata-token", self->token_);
    self->s_.http->send(std::move(r), [self, path, fresh_token, answer](const http::Response& got) {
      if (got.status == 200) {
        answer(std::string(text::trim(got.body)));
      } else if (got.status == 401 && !fresh_token) {
        self->token_.clear();  // the instance was stopped and started
        self->fetch(path, true, answer);
      } else if (got.status == 0) {
        answer(fail(got.error));
      } else {
        answer(fail("GET " + path + ": " + std::to_string(got.status)));
      }
    });
  });
}

}  // namespace sluice::aws
