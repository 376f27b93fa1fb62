// AWS credentials: who signs a request. Never shown in messages, not even in part.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::aws {

struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty for long-lived keys
  int64_t expires_us = 0;     // µs since 1970; 0: never
  std::string from;           // the provider, for messages
};

}  // namespace sluice::aws
