#include <curl/curl.h>

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/http/client.h"

namespace sluice::http {
namespace {

constexpr int64_t kLongestRetryAfterS = 366LL * 86'400;

// HTTP-date (RFC 9110 §5.6.7) in seconds since 1970, -1 if it is none. curl_getdate takes more
// than that, but an HTTP-date always starts with the day's name.
int64_t http_date(const std::string& value) {
  if (value.size() < 20 || value[0] < 'A' || value[0] > 'Z') return -1;
  return curl_getdate(value.c_str(), nullptr);
}

}  // namespace

std::string Response::header(std::string_view name) const {
  for (std::string_view rest = head; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    size_t colon = line.find(':');
    if (colon != line.npos && text::same_letters(text::trim(line.substr(0, colon)), name))
      return std::string(text::trim(line.substr(colon + 1)));
  }
  return {};
}

int64_t Response::date_us() const {
  int64_t s = http_date(header("date"));
  return s < 0 ? -1 : s * 1'000'000;
}

int64_t Response::retry_after_ms() const {
  std::string value = header("retry-after");
  int64_t s = 0;
  if (!value.empty() && value.find_first_not_of("0123456789") == value.npos) {
    // A number too large for the bound still means "long".
    if (!text::parse_int(value, 0, kLongestRetryAfterS, &s)) s = kLongestRetryAfterS;
    return s * 1000;
  }
  int64_t then = http_date(value);
  if (then < 0) return -1;
  // Measured by the server's own clock where it tells: ours may be off.
  int64_t now_us = date_us() >= 0 ? date_us() : clock::wall_us();
  return std::clamp<int64_t>(then * 1000 - now_us / 1000, 0, kLongestRetryAfterS * 1000);
}

}  // namespace sluice::http
