// What can go wrong and be handled: one sentence that says what was tried, on what, and why it
// failed. Errors travel as std::expected; exceptions are for bugs and never cross a C entry point.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace sluice {

struct Error {
  std::string what;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string what) {
  return std::unexpected(Error{std::move(what)});
}

// "tried: strerror(err)". Takes errno at the call, so call it before anything else can change it.
inline std::unexpected<Error> fail_errno(std::string tried, int err = errno) {
  char buf[128];
  tried += ": ";
  tried += strerror_r(err, buf, sizeof buf);  // GNU strerror_r: thread-safe, returns the text
  return std::unexpected(Error{std::move(tried)});
}

}  // namespace sluice
