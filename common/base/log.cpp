#include "common/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "common/base/clock.h"

namespace sluice::log {
namespace {

constexpr int64_t kRepeatMs = 3'600'000;

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> it = [] {
    auto l = std::make_shared<spdlog::logger>("sluice",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    bool journald = getenv("JOURNAL_STREAM") != nullptr;
    l->set_pattern(journald ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %l %v");
    l->flush_on(spdlog::level::trace);
    return l;
  }();
  return *it;
}

std::mutex once_mutex;
std::map<std::string, int64_t>& reported() {
  static std::map<std::string, int64_t> it;
  return it;
}

spdlog::level::level_enum to_spd(Level l) {
  switch (l) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

void to_syslog_if_unread() {
  struct stat st{};
  struct stat null{};
  if (::fstat(STDERR_FILENO, &st) != 0 || ::stat("/dev/null", &null) != 0 || !S_ISCHR(st.st_mode) ||
      st.st_rdev != null.st_rdev)
    return;
  logger().sinks() = {
      std::make_shared<spdlog::sinks::syslog_sink_mt>("sluiced", LOG_PID, LOG_DAEMON, false)};
}

void set_level(Level level) {
  logger().set_level(to_spd(level));
}

bool parse_level(std::string_view name, Level* out) {
  for (auto [text, level] : {std::pair{"debug", Level::debug},
                             {"info", Level::info},
                             {"warning", Level::warning},
                             {"error", Level::error}})
    if (name == text) {
      *out = level;
      return true;
    }
  return false;
}

void debug(const std::string& line) {
  logger().debug("{}", line);
}
void info(const std::string& line) {
  logger().info("{}", line);
}
void warning(const std::string& line) {
  logger().warn("{}", line);
}
void error(const std::string& line) {
  logger().error("{}", line);
}

void once(Level level, const std::string& key, const std::string& line) {
  int64_t now = clock::mono_ms();
  {
    std::lock_guard lock(once_mutex);
    auto [it, fresh] = reported().try_emplace(key, now);
    if (!fresh && now - it->second < kRepeatMs) return;
    it->second = now;
  }
  logger().log(to_spd(level), "{}", line);
}

void clear(const std::string& key, const std::string& mended) {
  {
    std::lock_guard lock(once_mutex);
    if (reported().erase(key) == 0) return;
  }
  logger().info("{}", mended);
}

}  // namespace sluice::log
