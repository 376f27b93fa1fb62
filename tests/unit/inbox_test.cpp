// The inbox's two sides on a real folder: what is written is read, what does not belong is set
// aside, what was dropped is told.
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <csignal>
#include <thread>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/inbox/format.h"
#include "common/inbox/reader.h"
#include "common/inbox/writer.h"
#include "tests/unit/temp_folder.h"

namespace sluice::inbox {
namespace {

const std::string kName = "00000000000000aa-0badcafe-1-0";

std::vector<std::string>& logged() {
  static std::vector<std::string> lines;
  return lines;
}

class Inbox : public ::testing::Test {
 protected:
  void SetUp() override {
    logged().clear();
    ASSERT_TRUE(writer_.configure(dir_.path().c_str(),
                                  [](const char* line) { logged().emplace_back(line); }));
    ASSERT_TRUE(reader_.open().has_value());
  }
  bool write(const char* kind, std::initializer_list<const char*> strings) {
    Record r;
    for (const char* s : strings) r.add(s);
    return writer_.write(kind, r);
  }
  static std::string whole(const std::string& kind = "start") {
    RawRecord r;
    r.kind = kind;
    r.wall_us = 5;
    r.fields = {{"SLURM_JOB_ID", "7"}};
    return serialize(r);
  }

  sluice::testing::TempFolder dir_;
  Writer writer_;
  Reader reader_{dir_.path()};
};

TEST_F(Inbox, WhatIsWrittenIsRead) {
  ASSERT_TRUE(
      write("start", {"SLURM_JOB_ID=7", "EMPTY=", "EQ=a=b", "NL=a\nb", "noequals", nullptr}));
  auto records = reader_.scan(10);
  ASSERT_EQ(records.size(), 1U);
  const RawRecord& r = records[0];
  EXPECT_EQ(r.kind, "start");
  EXPECT_GT(r.wall_us, 1'700'000'000'000'000);
  EXPECT_EQ(r.job_id(), 7U);
  EXPECT_EQ(r.get("EQ"), "a=b");
  EXPECT_EQ(r.get("NL"), "a\nb");
  EXPECT_TRUE(r.fields.contains("EMPTY"));
  EXPECT_FALSE(r.fields.contains("noequals"));
}

TEST_F(Inbox, SluicedMayReadItWhateverTheUmask) {
  mode_t before = ::umask(077);
  EXPECT_TRUE(write("start", {"SLURM_JOB_ID=7"}));
  ::umask(before);
  auto records = reader_.scan(10);
  ASSERT_EQ(records.size(), 1U);
  struct stat st{};
  ASSERT_EQ(::stat((dir_ / records[0].id).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640U);
}

TEST_F(Inbox, OldestFirstAndNoneTwice) {
  for (const char* job : {"SLURM_JOB_ID=1", "SLURM_JOB_ID=2", "SLURM_JOB_ID=3"})
    ASSERT_TRUE(write("end", {job}));
  auto first = reader_.scan(2);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].job_id(), 1U);
  EXPECT_EQ(first[1].job_id(), 2U);
  auto rest = reader_.scan(2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].job_id(), 3U);
  EXPECT_EQ(reader_.outstanding(), 3U);
  reader_.remove(first[0].id);
  reader_.forget();
  EXPECT_EQ(reader_.scan(10).size(), 2U);
}

TEST_F(Inbox, FirstOfTwoEqualNamesWins) {
  ASSERT_TRUE(write("start", {"@job_id=7", "@job_id=8"}));
  EXPECT_EQ(reader_.scan(1).at(0).job_id(), 7U);
}

TEST_F(Inbox, NumbersStayInTheRecord) {
  Record r;
  for (int i = 0; i < 200; ++i) r.add_number("n", i);
  r.add_number("last", -1);
  ASSERT_TRUE(writer_.write("start", r));
  EXPECT_EQ(reader_.scan(1).at(0).get("@cut"), "1");  // more than it has room for
}

TEST_F(Inbox, LongTextIsCutAndSaysSo) {
  std::string name = "SLURM_JOB_NAME=" + std::string(100'000, 'x');
  ASSERT_TRUE(write("start", {"SLURM_JOB_ID=7", name.c_str()}));
  auto records = reader_.scan(1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].get("SLURM_JOB_NAME").size(), kMaxString - strlen("SLURM_JOB_NAME="));
  EXPECT_EQ(records[0].get("@cut"), "1");
}

TEST_F(Inbox, ManyLongTextsStayWithinTheBound) {
  std::string text = "X=" + std::string(60'000, 'x');
  Record r;
  r.add("SLURM_JOB_ID=7");
  for (int i = 0; i < 300; ++i) r.add(text.c_str());
  ASSERT_TRUE(writer_.write("start", r));
  auto records = reader_.scan(1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].job_id(), 7U);
  EXPECT_EQ(records[0].get("@cut"), "1");
}

TEST_F(Inbox, WatchTellsOfNews) {
  EXPECT_TRUE(reader_.drain());
  ASSERT_TRUE(write("start", {"SLURM_JOB_ID=7"}));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(reader_.fd(), &set);
  timeval wait{5, 0};
  EXPECT_EQ(::select(reader_.fd() + 1, &set, nullptr, nullptr, &wait), 1);
  EXPECT_TRUE(reader_.drain());
}

TEST_F(Inbox, RemovedFolderIsNoticedAndOpenedAgain) {
  std::filesystem::remove_all(dir_.path());
  EXPECT_FALSE(reader_.drain());
  EXPECT_FALSE(reader_.open().has_value());
  std::filesystem::create_directory(dir_.path());
  ASSERT_TRUE(reader_.open().has_value());
  ASSERT_TRUE(write("start", {"SLURM_JOB_ID=7"}));
  EXPECT_EQ(reader_.scan(10).size(), 1U);
}

struct Litter {
  const char* what;
  std::string name;
  std::string bytes;
};

TEST_F(Inbox, LitterIsSetAside) {
  std::string good = whole();
  std::string flipped = good;
  flipped.back() ^= 1;
  flipped[flipped.size() - 2] ^= 1;
  const std::vector<Litter> litter = {
      {"foreign name", "notes.txt", "x"},
      {"capital letters", "00000000000000AA-0badcafe-1-0", good},
      {"empty", "00000000000000aa-0badcafe-1-1", ""},
      {"torn", "00000000000000aa-0badcafe-1-2", good.substr(0, good.size() - 1)},
      {"longer", "00000000000000aa-0badcafe-1-3", good + "x"},
      {"changed", "00000000000000aa-0badcafe-1-4", flipped},
      {"other magic", "00000000000000aa-0badcafe-1-5", "SLUICE2" + good.substr(7)},
      {"oversized", "00000000000000aa-0badcafe-1-6", std::string(kMaxFile + 1, 'x')},
      {"no header", "00000000000000aa-0badcafe-1-7", std::string(1000, 'x')},
  };
  for (const auto& l : litter) dir_.put(l.name, l.bytes);
  ::mkfifo((dir_ / "00000000000000aa-0badcafe-1-8").c_str(), 0600);
  ::mkdir((dir_ / "00000000000000aa-0badcafe-1-9").c_str(), 0700);
  ::mkdir((dir_ / "full").c_str(), 0700);
  dir_.put("full/file", "x");
  ASSERT_EQ(::symlink("/etc/passwd", (dir_ / "00000000000000aa-0badcafe-1-a").c_str()), 0);
  dir_.put(kName, good);
  auto records = reader_.scan(100);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].id, kName);
  EXPECT_EQ(reader_.set_aside(), litter.size() + 4);
  EXPECT_EQ(dir_.names(), (std::set<std::string>{"gap", "bad", kName}));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "bad/notes.txt"));
  EXPECT_EQ(reader_.scan(100).size(), 0U);
  EXPECT_EQ(reader_.set_aside(), litter.size() + 4);
}

// As root reads everything, this is somebody else for as long as it lives.
class AsNobody {
 public:
  AsNobody() { ::setfsuid(65534); }
  ~AsNobody() { ::setfsuid(::getuid()); }
};

TEST_F(Inbox, WhatCannotBeReadHoldsUpNobody) {
  ::chmod(dir_.path().c_str(), 0755);
  std::vector<std::string> names;
  for (int n = 1; n <= 4; ++n) {
    names.push_back("000000000000000" + std::to_string(n) + "-0badcafe-1-0");
    std::string path = dir_.path() + "/" + names.back();
    ASSERT_TRUE(file::write_atomic(path, whole(), n <= 2 ? 0 : 0644).has_value());
  }
  {
    AsNobody nobody;
    EXPECT_EQ(reader_.scan(2).size(), 0U);
    EXPECT_TRUE(reader_.more());
    auto got = reader_.scan(2);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].id, names[2]);
    EXPECT_FALSE(reader_.more());
  }
  EXPECT_EQ(reader_.scan(2).size(), 0U);  // not again at once
  clock::advance_for_tests(1'100);
  EXPECT_EQ(reader_.scan(2).size(), 2U);
}

TEST_F(Inbox, RecordOfAWriterThatDiedIsAdopted) {
  std::string path = dir_ / ("." + kName);
  dir_.put("." + kName, whole());
  EXPECT_EQ(reader_.scan(10).size(), 0U);  // it may still be being written
  utimbuf old{::time(nullptr) - 100, ::time(nullptr) - 100};
  ASSERT_EQ(::utime(path.c_str(), &old), 0);
  std::vector<RawRecord> records;
  for (int i = 0; i < 2 && records.empty(); ++i) records = reader_.scan(10);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].id, kName);
}

TEST_F(Inbox, TornRecordOfAWriterThatDiedGoes) {
  dir_.put("." + kName, whole().substr(0, 20));
  utimbuf old{::time(nullptr) - 100, ::time(nullptr) - 100};
  ASSERT_EQ(::utime((dir_ / ("." + kName)).c_str(), &old), 0);
  EXPECT_EQ(reader_.scan(10).size(), 0U);
  EXPECT_EQ(dir_.names(), std::set<std::string>{"gap"});
}

TEST_F(Inbox, DroppedRecordsAreToldOnceAndCounted) {
  GapMark mark;
  EXPECT_FALSE(reader_.gap(&mark));
  // No byte more in any file: what a full tmpfs does, for root as well.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit none{kGapSize, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &none);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(write("start", {"SLURM_JOB_ID=7"}));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(dir_.names(), std::set<std::string>{"gap"});  // no half records
  ASSERT_EQ(logged().size(), 1U);
  EXPECT_NE(logged()[0].find(dir_.path()), std::string::npos);
  ASSERT_TRUE(reader_.gap(&mark));
  EXPECT_EQ(mark.dropped, 3U);
  EXPECT_FALSE(reader_.gap(&mark));  // the same mark is told once

  ASSERT_TRUE(write("end", {"SLURM_JOB_ID=7"}));
  auto records = reader_.scan(10);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].kind, "end");
  EXPECT_EQ(records[1].kind, "gap");
  EXPECT_EQ(records[1].number("@dropped"), 3);
  EXPECT_EQ(logged().size(), 1U);  // mended within the minute: said when it breaks again
}

TEST_F(Inbox, ManyThreadsWriteManyRecords) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this] {
      for (int i = 0; i < 100; ++i) write("start", {"SLURM_JOB_ID=7"});
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(reader_.scan(1000).size(), 400U);
}

TEST(Writer, RefusesFoldersItCannotUse) {
  for (const std::string& bad :
       {std::string(), std::string("relative"), "/" + std::string(300, 'x')}) {
    Writer w;
    EXPECT_FALSE(w.configure(bad.c_str(), nullptr)) << bad;
    EXPECT_FALSE(w.write("start", Record{}));
  }
  Writer w;
  EXPECT_FALSE(w.configure(nullptr, nullptr));
}

TEST(RawRecords, SerializeAndParse) {
  RawRecord r;
  r.id = kName;
  r.kind = "user";
  r.wall_us = 1'772'366'400'123'456;
  r.fields = {{"@data", "{\"a\":\"\n\"}"}, {"@uid", "1000"}};
  auto back = parse(kName, serialize(r));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->fields, r.fields);
  EXPECT_EQ(back->wall_us, r.wall_us);
  EXPECT_EQ(back->kind, r.kind);
}

TEST(RawRecords, NumbersAndAbsentText) {
  RawRecord r;
  r.fields = {{"A", "(null)"}, {"B", "12"}, {"C", "-3"}, {"D", "12x"}, {"@job_id", "4294967294"}};
  EXPECT_EQ(r.get("A"), "");
  EXPECT_EQ(r.number("B"), 12);
  EXPECT_EQ(r.number("C", 7), 7);
  EXPECT_EQ(r.number("D", 7), 7);
  EXPECT_EQ(r.number("E", 7), 7);
  EXPECT_EQ(RawRecord{}.job_id(), 0U);
}

TEST(RecordNames, AreTheWritersOnly) {
  EXPECT_TRUE(is_record_name(kName));
  EXPECT_TRUE(is_record_name("00000000000000aa-0badcafe-ffffffff-ffffffff"));
  for (const char* bad :
       {"", "gap", "00000000000000aa-0badcafe-1", "0aa-0badcafe-1-0",
        "00000000000000aa-0badcafe-1-0-0", "00000000000000aa-0badcafe--0",
        "../00000000000000aa-0badcafe-1-0", "00000000000000aa-0badcafe-1-123456789"})
    EXPECT_FALSE(is_record_name(bad)) << bad;
}

}  // namespace
}  // namespace sluice::inbox
