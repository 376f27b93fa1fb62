#include "common/cli/since.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/json/json.h"

namespace sluice::cli {
namespace {

int64_t seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

// A date with or without a time of day, in this host's zone; -1 if it is none.
int64_t local(const std::string& text) {
  tm t{};
  int used = 0;
  const char* s = text.c_str();
  if (sscanf(s, "%4d-%2d-%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &used) != 3 || used != 10)
    return -1;
  s += used;
  if (*s == 'T' || *s == 't' || *s == ' ') {
    ++s;
    if (sscanf(s, "%2d:%2d%n", &t.tm_hour, &t.tm_min, &used) != 2 || used != 5) return -1;
    s += used;
    if (*s == ':') {
      if (sscanf(s, ":%2d%n", &t.tm_sec, &used) != 1 || used != 3) return -1;
      s += used;
    }
  }
  if (*s != '\0') return -1;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  t.tm_isdst = -1;
  time_t at = mktime(&t);
  return at < 0 ? -1 : int64_t{at} * 1'000'000;
}

}  // namespace

Result<std::string> since(const std::string& text, int64_t now_us) {
  if (clock::parse_rfc3339(text) >= 0) return text;
  if (int64_t us = local(text); us >= 0) return clock::rfc3339(us);
  int64_t n = 0;
  int64_t unit = text.empty() ? 0 : seconds_of(text.back());
  if (unit > 0 &&
      text::parse_int(std::string_view(text).substr(0, text.size() - 1), 0, 100'000'000, &n))
    return clock::rfc3339(std::max<int64_t>(0, now_us - n * unit * 1'000'000));
  return fail("--since " + json_quote(text::printable(text, 60)) +
              ": must be a time such as 2026-03-01T12:00:00Z, 2026-03-01 12:00 (this host's zone) "
              "or 30s, 10m, 2h, 7d ago");
}

}  // namespace sluice::cli
