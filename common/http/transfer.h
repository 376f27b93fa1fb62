// One libcurl easy handle and what it needs while a request is under way. Handles are made once and
// reused: only options that differ from the request before are set again. Internal to http::Client.
#pragma once

#include <curl/curl.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "common/http/client.h"

namespace sluice::http {

class Transfer {
 public:
  explicit Transfer(std::string ca_file);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Takes the request; false if it cannot be sent, with the reason in error(). The body is not
  // copied: libcurl reads it from here until finish().
  bool prepare(Request request, Done done);
  // Fills the response from how the transfer ended.
  Response finish(CURLcode result);

  CURL* easy() const { return easy_; }
  const std::string& ca_file() const { return ca_file_; }
  const std::string& error() const { return error_; }
  Done take_done() { return std::exchange(done_, nullptr); }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  bool set_headers();
  void set_method();
  std::string describe(CURLcode result) const;

  static size_t on_body(char* data, size_t size, size_t n, void* self);
  static size_t on_header(char* data, size_t size, size_t n, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char* ip, char* local_ip, int port, int local_port);

  CURL* easy_;
  curl_slist* list_ = nullptr;
  Request request_;
  Done done_;
  Response response_;
  size_t header_bytes_ = 0;
  std::string error_;  // why our own callbacks stopped the transfer, or why it could not start
  std::array<char, CURL_ERROR_SIZE> curl_error_{};

  // What the handle is set to.
  const std::string ca_file_;
  std::string url_;
  std::string method_;
  std::string proxy_;
  Headers headers_;
  bool headers_set_ = false;
};

}  // namespace sluice::http
