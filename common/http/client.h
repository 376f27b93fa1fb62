// The one HTTP client: many requests at once over libcurl's multi interface, connections kept and
// reused, TLS always verified, redirects never followed. For one thread, which runs poll();
// wake() alone may be called from others.
//
// Proxies are used only where a request names one: http_proxy and its kin in the environment are
// ignored, because what a daemon's environment happens to hold must not decide where events go.
// Errors name the URL's scheme, host and port, never its path or query: those may be secrets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::http {

struct Request {
  std::string method = "POST";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  int64_t timeout_ms = 30'000;          // whole transfer
  int64_t connect_timeout_ms = 10'000;  // DNS, TCP and TLS
  size_t max_response = 1U << 20;       // bytes of answer kept; more is an error
  std::string ca_file;                  // empty: the system's
  std::string proxy;                    // http://host:port; empty: none
  bool deny_private = false;            // refuse private, loopback and link-local addresses
};

struct Response {
  int status = 0;     // 0: no HTTP answer came; `error` says why
  std::string error;  // transport error, one sentence with the URL's host
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& lower_case_name) const;  // first, or ""
  // Retry-After (RFC 9110 §10.2.3), both forms, in ms from now; -1 if absent or malformed.
  int64_t retry_after_ms() const;
  // The server's clock (Date, RFC 9110 §6.6.1), µs since 1970; -1 if absent or malformed.
  int64_t date_us() const;
};

using Done = std::function<void(Response)>;

class Client {
 public:
  Client();
  ~Client();  // requests under way are dropped, their callbacks not called
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Starts a request; `done` is called once, from poll(), never from here. It may send() again.
  void send(Request request, Done done);

  // Moves transfers on; waits at most `timeout_ms` for something to happen.
  void poll(int64_t timeout_ms);
  void wake();

  size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::http
