// One libcurl easy handle and what it needs while a request is under way. Handles are made once and
// reused: of the options that seldom change only those that differ are set again. Internal to
// http::Client.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/http/client.h"

namespace sluice::http {

// A request on its way and what comes of it.
struct Exchange {
  Request request;
  Done done;
  Response response;
  int64_t since_ms = 0;  // of waiting for its turn
  uint64_t ended = 0;    // its place among all that ended
  uint64_t known = 0;    // the last that its sender had been told of when it was sent
};

class Transfer {
 public:
  explicit Transfer(std::string ca_file);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Takes the request; false if it cannot be sent. The body is not copied: libcurl reads it from
  // here until finish().
  bool prepare(std::unique_ptr<Exchange> exchange);
  // Fills the response from how the transfer ended, and gives the exchange back.
  std::unique_ptr<Exchange> finish(CURLcode result);

  CURL* easy() const { return easy_; }
  const std::string& ca_file() const { return ca_file_; }

 private:
  bool set_headers();
  void set_method();
  std::string describe(CURLcode result) const;

  static size_t on_body(char* data, size_t size, size_t n, void* self);
  static size_t on_header(char* data, size_t size, size_t n, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char* ip, char* local_ip, int port, int local_port);

  CURL* easy_;
  curl_slist* list_ = nullptr;
  std::unique_ptr<Exchange> exchange_;
  size_t header_bytes_ = 0;
  std::string error_;  // why our own callbacks stopped the transfer, or why it could not start
  std::array<char, CURL_ERROR_SIZE> curl_error_{};

  // What the handle is set to.
  const std::string ca_file_;
  std::string url_;
  std::string method_;
  std::string proxy_;
};

}  // namespace sluice::http
