#include "common/sinks/http_keys.h"

#include <unistd.h>

#include "common/http/url.h"

namespace sluice::sinks {
namespace {

bool is_this_host(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]";
}

}  // namespace

void HttpKeys::apply(http::Request* request) const {
  request->timeout_ms = timeout_ms;
  request->ca_file = ca_file;
  request->proxy = proxy;
}

HttpKeys read_http_keys(config::Fields& fields) {
  HttpKeys keys;
  keys.timeout_ms = fields.integer("timeout_s", 30, 1, 600) * 1000;
  keys.ca_file = fields.str("ca_file");
  if (!keys.ca_file.empty() && access(keys.ca_file.c_str(), R_OK) != 0)
    fields.problem("ca_file", "must be a PEM file that can be read");
  keys.proxy = read_url(fields, "proxy", false);
  return keys;
}

std::string read_url(config::Fields& fields, const std::string& key, bool required) {
  std::string value = required ? fields.required_str(key) : fields.str(key);
  if (value.empty()) return {};
  auto url = http::parse_url(value);
  if (!url) {
    fields.problem(key, "must be an http:// or https:// URL: " + url.error().what);
    return {};
  }
  if (url->has_user) {
    fields.problem(key, "must not hold user:password; use a header");
    return {};
  }
  if (url->scheme == "http" && !is_this_host(url->host) && key != "proxy")
    fields.problem(key, "is not encrypted; https:// is safer", true);
  return value;
}

}  // namespace sluice::sinks
