// URLs taken apart by the parser that also connects (libcurl's), so that what was checked is what
// is contacted. RFC 3986. Pure functions.
#pragma once

#include <string>

#include "common/base/error.h"

namespace sluice::http {

struct Url {
  std::string scheme;     // http or https
  std::string host;       // lower case; IPv6 in brackets
  std::string authority;  // as the Host header has it: the port only where it is not the scheme's
  std::string path;       // as sent, "/" at least
  std::string query;      // as sent, without the '?'
  bool has_user = false;  // user:password@ is there
};

// Absolute http and https URLs only. The error does not repeat the URL.
Result<Url> parse_url(const std::string& text);

// scheme://host:port for messages; path, query and user are left out, as they may be secret.
std::string shown_url(const std::string& text);

}  // namespace sluice::http
