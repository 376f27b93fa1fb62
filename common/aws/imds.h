// The EC2 instance metadata service, version 2 (session tokens; EC2 User Guide, "Use IMDSv2"). Held
// by shared_ptr: requests under way keep it alive. AWS_EC2_METADATA_DISABLED,
// AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE are honoured.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/aws/provider.h"

namespace sluice::aws {

class Imds : public std::enable_shared_from_this<Imds> {
 public:
  using Answer = std::function<void(Result<std::string>)>;

  explicit Imds(Surroundings s) : s_(std::move(s)) {}

  bool disabled() const;
  // The body at `path`. Calls back once, from here or from http::Client::poll.
  void get(const std::string& path, Answer answer);

 private:
  std::string url(const std::string& path) const;
  void with_token(std::function<void(Result<void>)> then);
  void ask_token(int attempts_left, std::function<void(Result<void>)> then);
  void fetch(const std::string& path, bool fresh_token, Answer answer);

  Surroundings s_;
  std::string token_;
  int64_t token_until_ms_ = 0;
};

}  // namespace sluice::aws
