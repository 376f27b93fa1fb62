#include "common/config/check.h"

#include "common/base/text.h"

namespace sluice::config {

bool split_host_port(std::string_view t, std::string* host, std::string* port) {
  size_t colon = t.rfind(':');
  if (colon == t.npos || colon == 0) return false;
  std::string_view h = t.substr(0, colon);
  std::string_view p = t.substr(colon + 1);
  int64_t number = 0;
  if (!text::parse_int(p, 1, 65535, &number)) return false;
  if (h.starts_with('[')) {
    if (!h.ends_with(']') || h.size() < 4) return false;
    h = h.substr(1, h.size() - 2);
  } else if (h.find(':') != h.npos) {
    return false;
  }
  *host = h;
  *port = p;
  return true;
}

bool is_host_port(std::string_view t) {
  std::string host;
  std::string port;
  return split_host_port(t, &host, &port);
}

bool is_metrics_address(std::string_view t) {
  if (t.starts_with("unix:/")) return true;
  std::string host;
  std::string port;
  return split_host_port(t, &host, &port) &&
         (host == "localhost" || host == "::1" || host.starts_with("127."));
}

bool has_secret(std::string_view t) {
  return t.find("\"secret\"") != t.npos || t.find("\"secrets\"") != t.npos;
}

}  // namespace sluice::config
