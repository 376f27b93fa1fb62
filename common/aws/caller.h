// Calls to one AWS service: finds the region once, gets credentials, signs, sends, and reads the
// service's errors. Held by shared_ptr: calls under way keep it alive. For one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/aws/credentials.h"
#include "common/aws/error.h"
#include "common/aws/sigv4.h"

namespace sluice::aws {

struct CallerConfig {
  std::string service;      // for signing and the host name: events, sqs, sns
  std::string endpoint_id;  // for AWS_ENDPOINT_URL_ID: EVENTBRIDGE, SQS, SNS
  std::string region;       // empty: found out
  std::string profile;      // empty: the standard chain
  std::string endpoint;     // empty: AWS's
  int64_t timeout_ms = 30'000;
  size_t max_response = 1U << 20;  // bytes of an answer
};

struct Call {
  std::string action;  // for messages: PutEvents
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // As http::Request's. GCC misses an initializer where the others are braced.
  std::string group = {};  // NOLINT(readability-redundant-member-init)
  size_t at_once = 1;
};

struct Answer {
  bool ok = false;
  bool unsent = false;  // as http::Response's: nothing else is said
  std::string body;     // where ok
  Kind kind = Kind::unavailable;
  std::string code;  // the service's own, if it said one
  std::string why;   // where not ok: "PutEvents to https://…: AccessDeniedException: …"
  int64_t retry_after_ms = -1;
  bool lost_one = false;  // of several tries of one call: one had no answer, and may have been done
};

using OnAnswer = std::function<void(Answer)>;

class Caller : public std::enable_shared_from_this<Caller> {
 public:
  Caller(CallerConfig config, Surroundings s);

  // Calls back once, from here or from http::Client::poll.
  void call(Call call, OnAnswer done);

 private:
  using Then = std::function<void(Result<void>)>;
  void with_region(Then then);
  void send(Call call, const Credentials& credentials, OnAnswer done);
  Answer judge(const std::string& action, const http::Response& answer, const Credentials& used);

  CallerConfig config_;
  Surroundings s_;
  std::shared_ptr<CredentialSource> credentials_;
  std::unique_ptr<Signer> signer_;  // once the region is known
  std::string url_;
  bool finding_ = false;
  std::vector<Then> waiting_;
};

}  // namespace sluice::aws
