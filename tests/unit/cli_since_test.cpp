// The times that --since takes.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/clock.h"
#include "common/cli/since.h"

namespace sluice::cli {
namespace {

constexpr int64_t kNow = 1'772'366'400'000'000;  // 2026-03-01T12:00:00Z

std::string of(const std::string& text) {
  auto time = since(text, kNow);
  return time ? *time : time.error().what;
}

TEST(CliSince, Rfc3339StaysAsItIs) {
  EXPECT_EQ(of("2026-03-01T12:00:00Z"), "2026-03-01T12:00:00Z");
  EXPECT_EQ(of("2026-03-01T12:00:00.5+02:00"), "2026-03-01T12:00:00.5+02:00");
}

TEST(CliSince, AgoCountsBackFromNow) {
  EXPECT_EQ(of("30s"), "2026-03-01T11:59:30.000000Z");
  EXPECT_EQ(of("10m"), "2026-03-01T11:50:00.000000Z");
  EXPECT_EQ(of("2h"), "2026-03-01T10:00:00.000000Z");
  EXPECT_EQ(of("7d"), "2026-02-22T12:00:00.000000Z");
  EXPECT_EQ(of("99999999d"), "1970-01-01T00:00:00.000000Z");
}

TEST(CliSince, LocalTimesAreThisHosts) {
  setenv("TZ", "UTC-2", 1);  // two hours east
  tzset();
  EXPECT_EQ(of("2026-03-01 12:00"), "2026-03-01T10:00:00.000000Z");
  EXPECT_EQ(of("2026-03-01T12:00:30"), "2026-03-01T10:00:30.000000Z");
  EXPECT_EQ(of("2026-03-01"), "2026-02-28T22:00:00.000000Z");
  unsetenv("TZ");
  tzset();
}

TEST(CliSince, OthersAreRefusedWithWhatIsAllowed) {
  for (const char* text : {"", "yesterday", "5", "5w", "-5m", "2026-03-01 12", "2026-3-1", "12:00"})
    EXPECT_NE(of(text).find("must be a time such as"), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice::cli
