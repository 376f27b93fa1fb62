#include "common/sinks/answer.h"

#include "common/base/text.h"
#include "common/http/url.h"

namespace sluice::sinks {
namespace {

constexpr size_t kWords = 160;

Outcome down(std::string reason, int64_t retry_after_ms = -1) {
  return {Verdict::sink_down, std::move(reason), retry_after_ms};
}

}  // namespace

std::string words(const http::Response& response) {
  std::string_view body = text::trim(response.body);
  return body.empty() ? std::string() : text::printable(body.substr(0, kWords * 2), kWords);
}

Outcome judge_webhook(const http::Response& r, const std::string& url) {
  if (r.status >= 200 && r.status < 300) return {};
  if (r.unsent) return {Verdict::unsent, {}, -1};
  if (r.status == 0) return down(r.error);
  std::string reason = "POST to " + http::shown_url(url) + ": " + std::to_string(r.status);
  if (std::string said = words(r); !said.empty()) reason += ": " + said;
  switch (r.status) {
    case 410:
      return {Verdict::sink_gone, reason + "; the receiver wants no more events", -1};
    case 400:
    case 413:
    case 415:
    case 422:
      return {Verdict::refused, reason, -1};
    case 401:
    case 403:
      return down(reason + "; check the secret and the headers configured for this sink",
                  r.retry_after_ms());
    case 404:
    case 405:
      return down(reason + "; check the url configured for this sink", r.retry_after_ms());
    default:
      break;
  }
  if (r.status >= 300 && r.status < 400) {
    std::string to = r.header("location");
    if (!to.empty()) reason += "; it points to " + http::shown_url(to);
    return down(reason + "; redirects are not followed: configure the final url");
  }
  return down(reason, r.retry_after_ms());
}

}  // namespace sluice::sinks
