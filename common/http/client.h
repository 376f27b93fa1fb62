// The one HTTP client: many requests at once over libcurl's multi interface, connections kept and
// reused, TLS always verified, redirects never followed. It is for one thread, which runs poll()
// and gets every callback there; wake() alone may be called from others. The transfers themselves
// move on a thread of the client's own.
//
// Proxies are used only where a request names one: http_proxy and its kin in the environment are
// ignored, because what a daemon's environment happens to hold must not decide where events go.
// Errors name the URL's scheme, host and port, never its path or query: those may be secrets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
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
  // Of the requests of one group at most `at_once` are under way, the others wait here in order;
  // their timeouts begin when their turn comes. As soon as one ends with anything but 2xx, those
  // that wait come back unsent, as do those sent before their sender was called back for it, and
  // what has waited for a minute: whether they still should go is their sender's to say.
  // Empty: no bound.
  std::string group;
  size_t at_once = 1;
};

struct Response {
  int status = 0;     // 0: no HTTP answer came; `error` says why
  std::string error;  // transport error, one sentence with the URL's host
  std::string head;   // the answer's header lines, as they came
  std::string body;
  bool unsent = false;  // it waited for its turn, and never went

  std::string header(std::string_view name) const;  // the first of this name, trimmed, or ""
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

  // Calls back for what has ended; waits at most `timeout_ms` for the first that does, or for
  // wake().
  void poll(int64_t timeout_ms);
  void wake();

  // What waits for its turn in a group comes back unsent, by poll().
  void recall();
  // Nothing is under way afterwards; the callbacks are not called.
  void drop();

  size_t in_flight() const;
  int64_t cpu_us() const;  // CPU time of the client's own thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::http
