// What people see: event lines and tables, whatever users put into their jobs.
#include <gtest/gtest.h>

#include "common/cli/event_line.h"
#include "common/cli/print.h"
#include "common/cli/table.h"

namespace sluice::cli {
namespace {

Json json(const char* text) {
  auto value = Json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : Json();
}

TEST(CliEventLine, EndSaysHowItEnded) {
  Json event =
      json(R"({"type":"slurm.job.end","subject":"job/42","time":"2026-03-01T12:00:00.123456Z",
    "data":{"job":{"user_name":"ada","name":"cfd","job_state":["FAILED"],"nodes":"n[0-1]",
    "exit_code":{"return_code":3,"signal":null}}}})");
  EXPECT_EQ(event_line(event),
            "2026-03-01T12:00:00.123Z  slurm.job.end        job/42      ada cfd  FAILED exit 3 on "
            "n[0-1]");
}

TEST(CliEventLine, ControlCharactersAreNotObeyed) {
  Json event = json(R"({"type":"user.x","subject":"job/1","time":"t",
    "data":{"value":"\u001b[2J\n","job":{"user_name":"eve","name":"a\nb"}}})");
  std::string line = event_line(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_NE(line.find("\\x1b[2J\\x0a"), std::string::npos) << line;
}

TEST(CliEventLine, WhatIsMissingIsADash) {
  EXPECT_EQ(event_line(json("{}")), event_line(Json()));
  EXPECT_NE(event_line(Json()).find("-  "), std::string::npos);
}

TEST(CliTable, ColumnsAreAsWideAsTheirCells) {
  Table table({"A", "LAST"});
  table.row({"längst", "x"});
  table.row({"", "y\n"});
  EXPECT_EQ(table.text(), "A       LAST\nlängst  x\n-       y\\x0a\n");
}

TEST(CliPrint, Bytes) {
  EXPECT_EQ(bytes(512), "512 bytes");
  EXPECT_EQ(bytes(1536), "1.5 KiB");
  EXPECT_EQ(bytes(int64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace sluice::cli
