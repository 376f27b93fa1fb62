// Finding our line in plugstack.conf, as doctor does.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/file.h"
#include "common/cli/plugstack.h"

namespace sluice::cli {
namespace {

class CliPlugstack : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "plugstackXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  std::string write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(file::write_atomic(dir_ + "/" + name, text));
    return dir_ + "/" + name;
  }
  std::string dir_;
};

TEST_F(CliPlugstack, ArgumentsAndComments) {
  auto line = find_in_plugstack(write("p",
                                      "# optional spank_sluice.so\nrequired other.so a=b\n"
                                      "optional /x/spank_sluice.so inbox=/i sinks=/s # end\n"));
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->required);
  EXPECT_EQ(line->plugin, "/x/spank_sluice.so");
  EXPECT_EQ(line->arguments.at("sinks"), "/s");
  EXPECT_EQ(line->arguments.size(), 2U);
}

TEST_F(CliPlugstack, IncludesAreFollowed) {
  std::string inner = write("b.conf", "required spank_sluice.so\n");
  auto line = find_in_plugstack(write("p", "include *.conf\n"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->file, inner);
  EXPECT_TRUE(line->required);
}

TEST_F(CliPlugstack, NothingToFind) {
  EXPECT_FALSE(find_in_plugstack(write("p", "optional other.so\ninclude p\n")));
  EXPECT_FALSE(find_in_plugstack(dir_ + "/absent"));
}

}  // namespace
}  // namespace sluice::cli
