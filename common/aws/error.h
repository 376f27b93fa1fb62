// What an AWS service says went wrong, read from both of its protocols (JSON and Query), and what
// that means. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/http/client.h"

namespace sluice::aws {

struct ServiceError {
  int status = 0;
  std::string code;     // without namespace: ThrottlingException
  std::string message;  // printable, cut short
};

enum class Kind {
  throttled,    // too much at once: later
  unavailable,  // the service's own trouble: later
  credentials,  // unknown, expired or badly signed: fetch credentials anew
  denied,       // known, but not allowed to
  missing,      // the bus, queue or topic is not there
  too_large,    // the request as a whole
  invalid,      // anything else: the request is wrong, or a code that is not known here
};

// From an answer whose status is not 2xx.
ServiceError read_error(const http::Response& answer);
// "AccessDeniedException: User: arn:… is not authorized" or "503".
std::string describe(const ServiceError& error);
Kind kind_of(int status, std::string_view code);

// "; this machine's clock is 7 min behind AWS's: …" where the answer's Date differs by more than
// the five minutes that signatures allow, else empty.
std::string clock_hint(const http::Response& answer);

}  // namespace sluice::aws
