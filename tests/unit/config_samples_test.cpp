// The sample configurations in etc/ are ones that sluiced takes.
#include <gtest/gtest.h>

#include "common/base/file.h"
#include "common/config/config.h"

namespace {

using namespace sluice;

config::Config sample(const std::string& name, config::Role role) {
  std::string path = std::string(SLUICE_SOURCE_DIR) + "/etc/" + name;
  auto text = file::read(path);
  EXPECT_TRUE(text) << path;
  config::Problems problems;
  auto out = config::parse(text.value_or(""), path, role, &problems);
  for (const auto& p : problems) ADD_FAILURE() << path << ": " << p.text();
  return out;
}

TEST(ConfigSamples, Controller) {
  auto c = sample("sluice.json", config::Role::controller);
  EXPECT_TRUE(c.sinks.contains("log"));
  ASSERT_EQ(c.routes.size(), 3U);
  auto ended = [](const char* states) {
    return *Json::parse(std::string(R"({"type":"slurm.job.end","data":{"job":{"job_state":)") +
                        states + "}}}");
  };
  EXPECT_TRUE(c.routes[0].pattern.matches(ended(R"(["FAILED","COMPLETING"])")));
  EXPECT_FALSE(c.routes[0].pattern.matches(ended(R"(["COMPLETED","COMPLETING"])")));
}

// The sinks that are commented out as well, as far as they need nothing of the host.
TEST(ConfigSamples, SinksInComments) {
  auto text = file::read(std::string(SLUICE_SOURCE_DIR) + "/etc/sluice.json");
  ASSERT_TRUE(text);
  std::string open;
  for (size_t at = 0; at < text->size();) {
    size_t eol = text->find('\n', at);
    std::string line = text->substr(at, eol - at);
    at = eol + 1;
    // "// , "name": {" begins one; lines of it that follow are indented by four.
    if (size_t c = line.find("// , "); c != line.npos) line.erase(c, 3);
    if (size_t c = line.find("//     \""); c != line.npos) line.erase(c, 3);
    if (line.find("secret_file") != line.npos) line = R"("mode": "binary" })";
    open += line + "\n";
  }
  config::Problems problems;
  auto c = config::parse(open, "sluice.json", config::Role::controller, &problems);
  for (const auto& p : problems) ADD_FAILURE() << p.text() << "\n" << open;
  EXPECT_EQ(c.sinks.size(), 6U);
}

TEST(ConfigSamples, Node) {
  auto c = sample("node.json", config::Role::node);
  EXPECT_EQ(c.controllers.size(), 2U);
}

}  // namespace
