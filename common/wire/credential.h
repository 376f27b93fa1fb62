// Munge credentials: who sent a batch, and that it is the one that was sent. Each call talks to the
// local munged and blocks for a moment.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace sluice::wire {

struct Sender {
  uid_t uid = 0;
  std::string payload;
};

// `socket` empty: munge's default.
Result<std::string> make_credential(const std::string& socket, std::string_view payload);
// Munge refuses a credential that it has seen, that is too old, or that was altered.
Result<Sender> open_credential(const std::string& socket, const std::string& credential);

std::string sha256_hex(std::string_view bytes);

}  // namespace sluice::wire
