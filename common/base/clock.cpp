#include "common/base/clock.h"

#include <atomic>
#include <cstdio>
#include <ctime>

namespace sluice::clock {
namespace {

std::atomic<int64_t> offset_ms{0};

int64_t read_us(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return int64_t{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1000;
}

}  // namespace

int64_t wall_us() {
  return read_us(CLOCK_REALTIME) + offset_ms.load(std::memory_order_relaxed) * 1000;
}

int64_t mono_us() {
  return read_us(CLOCK_BOOTTIME) + offset_ms.load(std::memory_order_relaxed) * 1000;
}

void sleep_ms(int64_t ms) {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + ms % 1000 * 1'000'000;
  until.tv_sec += ms / 1000 + ns / 1'000'000'000;
  until.tv_nsec = ns % 1'000'000'000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

int64_t thread_cpu_us(pthread_t thread) {
  clockid_t id{};
  return pthread_getcpuclockid(thread, &id) == 0 ? read_us(id) : 0;
}

int64_t mono_ms() {
  return mono_us() / 1000;
}

void advance_for_tests(int64_t ms) {
  offset_ms.fetch_add(ms, std::memory_order_relaxed);
}

std::string rfc3339(int64_t us) {
  int64_t micros = us % 1'000'000;
  time_t secs = us / 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --secs;
  }
  tm t{};
  gmtime_r(&secs, &t);
  char buf[64];
  int n =
      snprintf(buf, sizeof buf, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", t.tm_year + 1900,
               t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, static_cast<int>(micros));
  return {buf, static_cast<size_t>(n)};
}

int64_t parse_rfc3339(const std::string& text) {
  tm t{};
  int used = 0;
  if (sscanf(text.c_str(), "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday,
             &t.tm_hour, &t.tm_min, &t.tm_sec, &used) != 6 ||
      used < 19)
    return -1;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  int64_t us = int64_t{timegm(&t)} * 1'000'000;
  const char* p = text.c_str() + used;
  if (*p == '.') {
    ++p;
    int64_t scale = 100'000;
    for (; *p >= '0' && *p <= '9'; ++p, scale /= 10) us += (*p - '0') * scale;
  }
  if (*p == 'Z' || *p == 'z') return p[1] == '\0' ? us : -1;
  int h = 0;
  int m = 0;
  char sign = *p;
  if ((sign != '+' && sign != '-') || sscanf(p + 1, "%2d:%2d%n", &h, &m, &used) != 2 || used != 5 ||
      p[6] != '\0')
    return -1;
  int64_t off = (int64_t{h} * 60 + m) * 60'000'000;
  return sign == '+' ? us - off : us + off;
}

}  // namespace sluice::clock
