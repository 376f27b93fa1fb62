#include <sys/stat.h>
#include <unistd.h>

#include <sys/resource.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/base/file.h"
#include "common/base/text.h"
#include "tests/unit/sink_driver.h"

namespace sluice {
namespace {

using tests::SinkDriver;
using tests::stored_event;
namespace fs = std::filesystem;

class FileSink : public ::testing::Test {
 protected:
  FileSink() {
    dir_ = fs::temp_directory_path() /
           ("sluice-file-" + std::to_string(getpid()) + "-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir_);
    path_ = (dir_ / "events.jsonl").string();
  }
  ~FileSink() override { fs::remove_all(dir_); }

  std::string config(const std::string& more = "") const {
    return R"({"type":"file","path":")" + path_ + "\"" + more + "}";
  }
  std::string content(const std::string& path) const { return file::read(path).value_or("(none)"); }
  std::string content() const { return content(path_); }

  fs::path dir_;
  std::string path_;
};

TEST_F(FileSink, LinesAndMode) {
  mode_t before = umask(077);
  SinkDriver d(config(R"(,"mode":"0644")"));
  ASSERT_TRUE(d.sink) << d.problem_text();
  auto one = stored_event(1);
  one.body = "{\"a\":\n1}";
  EXPECT_EQ(tests::verdicts(d.send({one, stored_event(2)})),
            std::vector<Verdict>(2, Verdict::taken));
  umask(before);
  EXPECT_EQ(content(), "{\"a\": 1}\n" + stored_event(2).body + "\n");
  EXPECT_EQ(static_cast<unsigned>(fs::status(path_).permissions()), 0644U);
  EXPECT_GT(d.sink->limits().batch, 1U);
}

TEST_F(FileSink, AppendsAfterAPartialLine) {
  std::ofstream(path_) << "{\"id\":\"ok\"}\n{\"id\":\"cut of";
  SinkDriver d(config());
  d.send({stored_event(1)});
  EXPECT_EQ(content(), "{\"id\":\"ok\"}\n{\"id\":\"cut of\n" + stored_event(1).body + "\n");
}

TEST_F(FileSink, RotatesBySizeAndCount) {
  SinkDriver d(config(R"(,"max_mib":1,"keep":2)"));
  auto big = stored_event(1, R"(,"pad":")" + std::string(600'000, 'x') + "\"");
  for (int i = 0; i < 4; ++i) {
    big.id = std::to_string(i);
    big.body.replace(big.body.find("id-1"), 4, "id_" + std::to_string(i));
    EXPECT_EQ(d.send({big}).at(0).verdict, Verdict::taken);
    big.body.replace(big.body.find("id_"), 4, "id-1");
  }
  EXPECT_NE(content().find("id_3"), std::string::npos);
  EXPECT_NE(content(path_ + ".1").find("id_2"), std::string::npos);
  EXPECT_NE(content(path_ + ".2").find("id_1"), std::string::npos);
  EXPECT_FALSE(fs::exists(path_ + ".3"));
}

// In a sticky folder nobody but root may rename root's file, though all may write to it: as with
// chattr +a, and on any file system.
TEST_F(FileSink, NothingOldGoesWhileTheLiveFileCannotBeRenamed) {
  if (geteuid() != 0) GTEST_SKIP() << "takes root";
  constexpr uid_t kNobody = 65534;
  auto put = [this](const std::string& suffix, const std::string& text) {
    std::ofstream(path_ + suffix) << text;
    ASSERT_EQ(chown((path_ + suffix).c_str(), kNobody, kNobody), 0);
  };
  for (const char* n : {"1", "2", "3"}) put(std::string(".") + n, n);
  put("", std::string(1'048'000, 'x') + "\n");
  ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(chmod(dir_.c_str(), 01777), 0);
  auto big = stored_event(1, R"(,"pad":")" + std::string(2'000, 'y') + "\"");
  SinkDriver d(config(R"(,"max_mib":1,"keep":3)"));
  ASSERT_EQ(seteuid(kNobody), 0);
  for (int i = 0; i < 5; ++i) {
    auto got = d.send({big});
    EXPECT_EQ(got.at(0).verdict, Verdict::sink_down);
    EXPECT_NE(got.at(0).reason.find("cannot rotate " + path_), std::string::npos) << got[0].reason;
  }
  ASSERT_EQ(seteuid(0), 0);
  std::string kept;
  for (const char* n : {".1", ".2", ".3", ".4"})
    if (fs::exists(path_ + n)) kept += content(path_ + n);
  EXPECT_EQ(kept, "123");
  // Once it can be renamed the oldest goes, as ever.
  EXPECT_EQ(d.send({big}).at(0).verdict, Verdict::taken);
  EXPECT_EQ(content(), big.body + "\n");
  EXPECT_EQ(content(path_ + ".1")[0], 'x');
  EXPECT_EQ(content(path_ + ".2") + content(path_ + ".3"), "12");
  EXPECT_FALSE(fs::exists(path_ + ".4"));
}

TEST_F(FileSink, AGapInTheHistoryIsFilledAndCostsNothing) {
  for (const char* n : {"1", "3"}) std::ofstream(path_ + "." + n) << n;
  std::ofstream(path_) << std::string(1'048'000, 'x') << "\n";
  SinkDriver d(config(R"(,"max_mib":1,"keep":3)"));
  d.send({stored_event(1, R"(,"pad":")" + std::string(2'000, 'y') + "\"")});
  EXPECT_EQ(content(path_ + ".1")[0], 'x');
  EXPECT_EQ(content(path_ + ".2") + content(path_ + ".3"), "13");
}

TEST_F(FileSink, FollowsWhenMovedOrDeleted) {
  SinkDriver d(config());
  d.send({stored_event(1)});
  fs::rename(path_, path_ + ".moved");
  d.send({stored_event(2)});
  EXPECT_EQ(content(), stored_event(2).body + "\n");
  fs::remove(path_);
  d.send({stored_event(3)});
  EXPECT_EQ(content(), stored_event(3).body + "\n");
}

TEST_F(FileSink, MissingDirectoryAndBack) {
  SinkDriver d(config(R"(,"sync":true)"));
  fs::remove_all(dir_);
  auto got = d.send({stored_event(1), stored_event(2)});
  EXPECT_EQ(tests::verdicts(got), std::vector<Verdict>(2, Verdict::sink_down));
  EXPECT_NE(got[0].reason.find(path_), std::string::npos) << got[0].reason;
  EXPECT_NE(d.check().find("No such file"), std::string::npos);
  fs::create_directories(dir_);
  EXPECT_EQ(d.check(), "");
  EXPECT_EQ(d.send({stored_event(1)}).at(0).verdict, Verdict::taken);
}

TEST_F(FileSink, NotAFile) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  SinkDriver d(config());
  EXPECT_NE(d.check().find("not a regular file"), std::string::npos) << d.check();
}

// A size limit cuts a write short as a full disk does.
TEST_F(FileSink, OnlyWholeLinesCountWhenTheDiskIsFull) {
  SinkDriver d(config());
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto one = stored_event(1);
  rlimit small = before;
  small.rlim_cur = one.body.size() + 10;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  auto got = d.send({one, stored_event(2)});
  auto again = d.send({stored_event(2)});
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(tests::verdicts(got), (std::vector{Verdict::taken, Verdict::sink_down}));
  EXPECT_EQ(again.at(0).verdict, Verdict::sink_down);
  EXPECT_EQ(d.send({stored_event(2)}).at(0).verdict, Verdict::taken);
  auto lines = text::split(content(), '\n');
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], one.body);
  EXPECT_EQ(lines[1], stored_event(2).body.substr(0, 9));
  EXPECT_EQ(lines[2], stored_event(2).body);
}

TEST_F(FileSink, ConfigurationFaults) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"({"type":"file"})", "path: is missing"},
           {R"({"type":"file","path":"rel"})", "absolute path"},
           {R"({"type":"file","path":"/d/"})", "absolute path"},
           {R"({"type":"file","path":"/f","mode":"888"})", "octal"},
           {R"({"type":"file","path":"/f","mode":"0044"})", "octal"},
           {R"({"type":"file","path":"/f","max_mib":-1})", "max_mib"}}) {
    SinkDriver d(text);
    EXPECT_FALSE(d.sink) << text;
    EXPECT_NE(d.problem_text().find(expected), std::string::npos) << d.problem_text();
  }
}

}  // namespace
}  // namespace sluice
