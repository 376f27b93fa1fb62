#include "common/http/transfer.h"

#include <algorithm>
#include <string_view>

#include "common/base/text.h"
#include "common/http/address.h"
#include "common/http/token.h"
#include "common/http/url.h"

namespace sluice::http {
namespace {

// More than any API of ours answers; libcurl 7.88 itself has no bound on the sum.
constexpr size_t kMaxHeaderBytes = 64U << 10;

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  // Fails only for options that this libcurl lacks or for lack of memory; CMake asks for 7.88.
  (void)curl_easy_setopt(easy, option, value);
}

bool is_field_value(std::string_view s) {
  return std::ranges::none_of(s, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

Transfer::Transfer(std::string ca_file) : easy_(curl_easy_init()), ca_file_(std::move(ca_file)) {
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
  set(easy_, CURLOPT_PROXY, "");
  set(easy_, CURLOPT_NOPROXY, "");  // neither is the environment's list of exceptions ours
  // A name server that says nothing must not hold up the others: without this libcurl waits for its
  // resolver's thread when the transfer times out.
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
  set(easy_, CURLOPT_ERRORBUFFER, curl_error_.data());
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, this);
  set(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
  set(easy_, CURLOPT_PREREQDATA, this);
  if (!ca_file_.empty()) {
    set(easy_, CURLOPT_CAINFO, ca_file_.c_str());
    set(easy_, CURLOPT_CAPATH,
        static_cast<char*>(nullptr));  // this file alone, not the system's too
  }
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(list_);
}

bool Transfer::prepare(std::unique_ptr<Exchange> exchange) {
  exchange_ = std::move(exchange);
  const Request& r = exchange_->request;
  header_bytes_ = 0;
  error_.clear();
  curl_error_[0] = '\0';

  if (r.url != url_) {
    if (auto parsed = parse_url(r.url); !parsed) {
      error_ = parsed.error().what;
      return false;
    }
    url_ = r.url;
    set(easy_, CURLOPT_URL, url_.c_str());
  }
  if (r.proxy != proxy_) {
    proxy_ = r.proxy;
    set(easy_, CURLOPT_PROXY, proxy_.c_str());
  }
  if (!proxy_.empty() && r.deny_private) {
    error_ = "a proxy would hide which address is contacted, which this request must check";
    return false;
  }
  if (!set_headers()) return false;
  set_method();
  set(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(r.timeout_ms));
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(r.connect_timeout_ms));
  return true;
}

void Transfer::set_method() {
  const std::string& m = exchange_->request.method;
  bool with_body =
      m != "GET" && m != "HEAD" && !(m == "OPTIONS" && exchange_->request.body.empty());
  if (m != method_) {
    method_ = m;
    if (with_body)
      set(easy_, CURLOPT_POST, 1L);
    else
      set(easy_, CURLOPT_HTTPGET, 1L);
    set(easy_, CURLOPT_NOBODY, m == "HEAD" ? 1L : 0L);
    bool custom = m != "GET" && m != "HEAD" && m != "POST";
    set(easy_, CURLOPT_CUSTOMREQUEST, custom ? m.c_str() : nullptr);
  }
  if (!with_body) return;
  set(easy_, CURLOPT_POSTFIELDS, exchange_->request.body.c_str());
  set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange_->request.body.size()));
}

bool Transfer::set_headers() {
  curl_slist_free_all(list_);
  list_ = nullptr;
  // No waiting for 100 Continue, and no form content type that nobody asked for.
  list_ = curl_slist_append(list_, "Expect:");
  bool typed = false;
  std::string line;
  for (const auto& [name, value] : exchange_->request.headers) {
    if (!is_token(name) || !is_field_value(value)) {
      error_ = "header \"" + text::printable(name, 60) + "\" is not one that HTTP can carry";
      return false;
    }
    typed = typed || text::same_letters(name, "content-type");
    line = name;
    // libcurl takes "Name:" as "leave it out" and "Name;" as "send it empty".
    line += value.empty() ? ";" : ": ";
    line += value;
    list_ = curl_slist_append(list_, line.c_str());
  }
  if (!typed) list_ = curl_slist_append(list_, "Content-Type:");
  set(easy_, CURLOPT_HTTPHEADER, list_);
  return true;
}

std::unique_ptr<Exchange> Transfer::finish(CURLcode result) {
  Response& response = exchange_->response;
  if (result == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
  }
  if (response.status == 0) {
    const Request& r = exchange_->request;
    response.head.clear();
    response.body.clear();
    response.error = r.method + " to " + shown_url(r.url) + ": " + describe(result);
  }
  return std::move(exchange_);
}

std::string Transfer::describe(CURLcode result) const {
  if (!error_.empty()) return error_;
  if (result == CURLE_OK) return "the answer is not HTTP";
  std::string why(curl_error_.data());
  return text::printable(why.empty() ? curl_easy_strerror(result) : why);
}

size_t Transfer::on_body(char* data, size_t size, size_t n, void* self) {
  auto* t = static_cast<Transfer*>(self);
  n *= size;
  if (t->exchange_->response.body.size() + n > t->exchange_->request.max_response) {
    t->error_ = "the answer is larger than " + std::to_string(t->exchange_->request.max_response) +
                " bytes";
    return 0;
  }
  t->exchange_->response.body.append(data, n);
  return n;
}

size_t Transfer::on_header(char* data, size_t size, size_t n, void* self) {
  auto* t = static_cast<Transfer*>(self);
  n *= size;
  t->header_bytes_ += n;
  if (t->header_bytes_ > kMaxHeaderBytes) {
    t->error_ = "the answer's headers are larger than 64 KiB";
    return 0;
  }
  std::string_view line(data, n);
  if (line.starts_with("HTTP/")) {
    t->exchange_->response.head.clear();  // what came before was an interim answer's (1xx)
    return n;
  }
  t->exchange_->response.head += line;
  return n;
}

// Checks the address itself, after name resolution: a name that resolves to something else the next
// time (DNS rebinding) gains nothing.
curl_socket_t Transfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* t = static_cast<Transfer*>(self);
  if (t->exchange_->request.deny_private && !is_public(&address->addr)) {
    t->error_ = "its address is private, loopback or link-local, which is refused here";
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// A cached connection may have been opened by a request that was allowed more.
int Transfer::on_connected(void* self, char* ip, char*, int, int) {
  auto* t = static_cast<Transfer*>(self);
  if (!t->exchange_->request.deny_private || is_public(std::string(ip))) return CURL_PREREQFUNC_OK;
  t->error_ = "its address is private, loopback or link-local, which is refused here";
  return CURL_PREREQFUNC_ABORT;
}

}  // namespace sluice::http
