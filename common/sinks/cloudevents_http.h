// CloudEvents 1.0 HTTP protocol binding, binary content mode (§3.1): attributes become ce- headers,
// `data` the body. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/json.h"

namespace sluice::sinks {

struct BinaryEvent {
  std::vector<std::pair<std::string, std::string>> headers;  // content-type among them
  std::string body;
};

// `event` is a CloudEvents JSON object.
BinaryEvent to_binary(const Json& event);

// A header value with what §3.1.3.2 says percent-encoded: blank, quote, percent and all outside
// printable ASCII.
std::string header_value(std::string_view utf8);

}  // namespace sluice::sinks
