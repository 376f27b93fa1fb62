// Text from outside, and the clock's texts.
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/text.h"

namespace sluice {
namespace {

TEST(Utf8, WellFormedStays) {
  for (std::string s : {"", "abc", "Grüße", "日本", "\U0001f680", "\x01\x7f\n", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(text::is_utf8(s));
    EXPECT_EQ(text::to_utf8(s), s);
  }
}

TEST(Utf8, EachBadByteIsReplaced) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(text::to_utf8("\xff"), r);
  EXPECT_EQ(text::to_utf8("a\xC3("), "a" + r + "(");
  EXPECT_EQ(text::to_utf8("\xE2\x82"), r + r);  // cut short
  EXPECT_EQ(text::to_utf8("\xC0\xAF"), r + r);  // overlong
  EXPECT_EQ(text::to_utf8("\xE0\x80\xAF"), r + r + r);
  EXPECT_EQ(text::to_utf8("\xED\xA0\x80"), r + r + r);          // surrogate
  EXPECT_EQ(text::to_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // beyond U+10FFFF
  EXPECT_TRUE(text::is_utf8(text::to_utf8("\x80\xff\xfe")));
}

TEST(Printable, ShowsControlsAndCutsBetweenCharacters) {
  EXPECT_EQ(text::printable("a\n\x1b[31m\x7f"), "a\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(text::printable("üüü", 4), "üü…");
  EXPECT_EQ(text::printable("üüü", 5), "üü…");
  EXPECT_EQ(text::printable("\xff"), "\xEF\xBF\xBD");
}

TEST(Base64, Rfc4648Vectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (auto [plain, coded] : vectors) {
    EXPECT_EQ(text::base64(plain), coded);
    std::string back;
    EXPECT_TRUE(text::from_base64(coded, &back));
    EXPECT_EQ(back, plain);
  }
  std::string out;
  for (const char* bad : {"Z", "Zg=", "Zg", "Z===", "Zm 8", "Zm8*", "=Zg="})
    EXPECT_FALSE(text::from_base64(bad, &out)) << bad;
}

TEST(Hex, Bytes) {
  EXPECT_EQ(text::hex(std::string_view("\x00\x7f\xff", 3)), "007fff");
}

TEST(SplitAndTrim, Edges) {
  EXPECT_EQ(text::split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(text::split("a,,b,", ','), (std::vector<std::string>{"a", "", "b", ""}));
  EXPECT_EQ(text::trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(text::trim(" \n"), "");
}

TEST(ParseInt, WholeTextWithinBounds) {
  int64_t v = 7;
  EXPECT_TRUE(text::parse_int("-5", -10, 10, &v));
  EXPECT_EQ(v, -5);
  for (const char* bad : {"", " 1", "1 ", "+1", "0x1", "1.0", "11", "-11", "99999999999999999999"})
    EXPECT_FALSE(text::parse_int(bad, -10, 10, &v)) << bad;
  EXPECT_EQ(v, -5);
}

TEST(IsName, Grammar) {
  for (const char* good : {"a", "A1_.-", "9"}) EXPECT_TRUE(text::is_name(good)) << good;
  for (const char* bad : {"", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n"})
    EXPECT_FALSE(text::is_name(bad)) << bad;
  EXPECT_TRUE(text::is_name(std::string(64, 'x')));
  EXPECT_FALSE(text::is_name(std::string(65, 'x')));
}

TEST(Rfc3339, ThereAndBack) {
  EXPECT_EQ(clock::rfc3339(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(clock::rfc3339(1'772'366'400'123'456), "2026-03-01T12:00:00.123456Z");
  EXPECT_EQ(clock::rfc3339(-1), "1969-12-31T23:59:59.999999Z");
  for (int64_t us : {int64_t{0}, int64_t{1'772'366'400'123'456}, int64_t{4'102'444'800'000'001}})
    EXPECT_EQ(clock::parse_rfc3339(clock::rfc3339(us)), us);
}

TEST(Rfc3339, OffsetsAndFractions) {
  int64_t noon = 1'772'366'400'000'000;
  for (const char* same :
       {"2026-03-01T12:00:00Z", "2026-03-01t12:00:00z", "2026-03-01 12:00:00Z",
        "2026-03-01T13:30:00+01:30", "2026-03-01T07:00:00-05:00", "2026-03-01T12:00:00.0000009Z"})
    EXPECT_EQ(clock::parse_rfc3339(same), noon) << same;
  EXPECT_EQ(clock::parse_rfc3339("2026-03-01T12:00:00.5Z"), noon + 500'000);
  for (const char* bad : {"", "now", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00Zx",
                          "2026-03-01T12:00:00+0130", "2026-03-01T12:00:00+01:3"})
    EXPECT_EQ(clock::parse_rfc3339(bad), -1) << bad;
}

TEST(Clock, MovesTogetherForTests) {
  int64_t wall = clock::wall_us();
  int64_t mono = clock::mono_ms();
  clock::advance_for_tests(5000);
  EXPECT_GE(clock::wall_us() - wall, 5'000'000);
  EXPECT_GE(clock::mono_ms() - mono, 5000);
  clock::advance_for_tests(-5000);
  EXPECT_LT(clock::mono_ms() - mono, 5000);
}

}  // namespace
}  // namespace sluice
