// The configuration keys that every sink over HTTP has, read and checked in one place.
#pragma once

#include <cstdint>
#include <string>

#include "common/config/fields.h"
#include "common/http/client.h"

namespace sluice::sinks {

// timeout_s, ca_file, proxy.
struct HttpKeys {
  int64_t timeout_ms = 0;
  std::string ca_file;
  std::string proxy;

  void apply(http::Request* request) const;
};

HttpKeys read_http_keys(config::Fields& fields);

// The key's URL, checked: absolute, http or https, no user:password in it. Plain http to anything
// but this host draws a warning. Empty where the key is absent or wrong.
std::string read_url(config::Fields& fields, const std::string& key, bool required);

}  // namespace sluice::sinks
