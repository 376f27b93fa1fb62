// The importer's thread on a real inbox and journal, with records that need no slurmctld.
#include "ctld/sluiced/importer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/clock.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/temp_journal.h"

namespace sluice::daemon {
namespace {

class Inbox : public ::testing::Test {
 protected:
  Inbox() {
    config_ = std::make_shared<config::Config>();
    config_->inbox = folder_.path();
  }
  // A record that becomes one event.
  std::string put(int n) {
    inbox::RawRecord r;
    char name[64];
    snprintf(name, sizeof name, "%016x-00000000-1-%x", n, n);
    r.id = name;
    r.kind = "gap";
    r.wall_us = 1'000'000;
    r.fields["@dropped"] = "1";
    // As a hook does: sluiced is woken by the rename.
    std::string hidden = folder_.path() + "/." + r.id;
    std::ofstream(hidden, std::ios::binary) << inbox::serialize(r);
    std::filesystem::rename(hidden, folder_.path() + "/" + r.id);
    return r.id;
  }
  bool there(const std::string& name) const {
    return ::access((folder_.path() + "/" + name).c_str(), F_OK) == 0;
  }
  std::unique_ptr<Importer> importer(AskGroups ask_groups = ask_name_service) {
    auto journal = journal::Journal::open(journal_.path(), journal::Durability::crash_safe);
    auto i = std::make_unique<Importer>(
        config_, std::move(*journal), "c",
        Importer::Hooks{[] {}, [] {}, [] {}, [] {}, std::move(ask_groups)}, stats_);
    i->start();
    return i;
  }
  template <class Done>
  static bool eventually(Done done) {
    for (int64_t until = clock::mono_ms() + 10'000; clock::mono_ms() < until; ::usleep(2000))
      if (done()) return true;
    return false;
  }

  sluice::testing::TempFolder folder_;
  sluice::testing::TempJournal journal_;
  std::shared_ptr<config::Config> config_;
  Stats stats_;
};

TEST_F(Inbox, RecordsGoOnceTheyAreEvents) {
  std::string name = put(1);
  auto i = importer();
  EXPECT_TRUE(eventually([&] { return !there(name); }));
  EXPECT_EQ(stats_.events, 1);
}

// Killed between commit and unlink: with another answer of slurmctld it could become another run.
TEST_F(Inbox, WhatIsCommittedIsNotImportedAgain) {
  std::string done = put(1);
  std::string fresh = put(2);
  journal_->note_imported(done);
  auto i = importer();
  EXPECT_TRUE(eventually([&] { return !there(done) && !there(fresh); }));
  EXPECT_EQ(stats_.imported, 1);
  EXPECT_EQ(journal_->imported(), (std::vector<std::string>{fresh}));
}

TEST_F(Inbox, WhatIsGoneIsForgotten) {
  auto i = importer();
  for (int n = 1; n < 6; ++n) {
    std::string name = put(n);
    ASSERT_TRUE(eventually([&] { return !there(name); }));
  }
  i->stop();
  EXPECT_LE(journal_->imported().size(), 2U);
}

TEST_F(Inbox, NodesDoNotWaitForAFolderThatIsGone) {
  std::string first = put(1);
  for (int n = 2; n <= 5000; ++n) put(n);  // more than are read at once
  auto i = importer();
  ASSERT_TRUE(eventually([&] { return !there(first); }));
  std::filesystem::rename(folder_.path(), folder_.path() + ".gone");
  inbox::RawRecord r;
  r.kind = "gap";
  std::atomic<int> answers = 0;
  i->submit({r}, [&](const Commit&) { ++answers; });
  EXPECT_TRUE(eventually([&] { return answers == 1; }));
  std::filesystem::rename(folder_.path() + ".gone", folder_.path());
}

// While the name service fails nobody is refused, for a while.
class FailingNameService : public Inbox {
 protected:
  FailingNameService() {
    config_->sinks["ours"].name = "ours";
    config_->sinks["ours"].allow.groups = {"physics"};
    journal::Transaction t(journal_->db());
    journal::Run run;
    run.job_id = 7;
    run.user = ::testing::UnitTest::GetInstance()->current_test_info()->name();  // unknown so far
    run.start = 100;
    run.selection = "ours";
    journal_->add_run(&run);
    t.commit();
    importer_ = importer([this](const std::string&) {
      ++asked_;
      return works_ ? std::optional(std::vector<std::string>{"physics"}) : std::nullopt;
    });
    inbox::RawRecord r;
    r.kind = "launch";
    r.wall_us = 101'000'000;
    r.fields = {{"@job_id", "7"}, {"@node", "n0"}};
    importer_->submit({r}, [this](const Commit&) { ++answers_; });
  }
  int64_t queued() { return static_cast<int64_t>(journal_->queued("ours", 0, 9, 1 << 20).size()); }

  std::atomic<bool> works_ = false;
  std::atomic<int> asked_ = 0, answers_ = 0;
  std::unique_ptr<Importer> importer_;
};

TEST_F(FailingNameService, RecordsWaitForIt) {
  EXPECT_TRUE(eventually([&] { return asked_ >= 2; }));
  EXPECT_EQ(answers_, 0);
  works_ = true;
  EXPECT_TRUE(eventually([&] { return answers_ == 1; }));
  EXPECT_EQ(queued(), 1);
}

TEST_F(FailingNameService, ButNotForEver) {
  EXPECT_TRUE(eventually([&] { return asked_ >= 2; }));
  EXPECT_EQ(answers_, 0);
  clock::advance_for_tests(9'000);
  EXPECT_TRUE(eventually([&] { return answers_ == 1; }));
  EXPECT_EQ(queued(), 0);
}

TEST_F(Inbox, SendersWithTooMuchAreSentAway) {
  auto i = importer();
  inbox::RawRecord big;
  big.kind = "user";
  big.fields["@data"] = std::string(65U << 20, 'x');
  std::string why;
  std::atomic<int> answers = 0;
  auto submit = [&](const inbox::RawRecord& r) {
    i->submit({r}, [&](const Commit& c) {
      if (!c.why.empty()) why = c.why;
      ++answers;
    });
  };
  // The first is taken, however large; while it is held the second is not.
  journal_->db().exec("BEGIN IMMEDIATE");
  submit(big);
  submit(big);
  EXPECT_EQ(answers, 1);
  EXPECT_NE(why.find("too much is waiting"), std::string::npos);
  journal_->db().exec("COMMIT");
  EXPECT_TRUE(eventually([&] { return answers == 2; }));
}

}  // namespace
}  // namespace sluice::daemon
