// Records into events, where it matters whose they are and who says so.
#include <set>

#include "tests/unit/importing.h"
#include "tests/unit/slurm_says.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;

class Records : public Importing {
 protected:
  Records() {
    auto config = std::make_shared<config::Config>();
    config->sinks["log"].name = "log";
    events_.set_config(config);
  }
  // Whose events are queued to the sink, as "type user".
  std::multiset<std::string> queued() {
    std::multiset<std::string> out;
    for (const auto& q : journal_->queued("log", 0, 10'000, 1 << 30)) {
      auto body = Json::parse(q.event.body);
      out.insert(q.event.type + " " + body->get("data").get("job").get("user_name").str());
    }
    return out;
  }
  using Set = std::multiset<std::string>;
};

RawRecord record(const char* kind, uint32_t job, int64_t at,
                 std::map<std::string, std::string> fields = {}) {
  RawRecord r;
  r.id = std::string(kind) + std::to_string(job) + "-" + std::to_string(at);
  r.kind = kind;
  r.wall_us = at * 1'000'000;
  r.fields = std::move(fields);
  r.fields["@job_id"] = std::to_string(job);
  return r;
}

Answer running(uint32_t job, const char* user, uint32_t uid, int64_t start) {
  slurm::JobInfo info = job_info(job, kRunning, start);
  info.submit_time = start - 1;
  info.user = user;
  info.uid = uid;
  return found(info);
}

TEST_F(Records, ANodeCannotMakeUpSlurmsOwnEvents) {
  import(record("start", 7, 100), running(7, "alice", 1000, 100));
  int64_t before = journal_->last_seq();
  for (const char* type : {"slurm.job.end", "sluice.gap", "", "user.UPPER"}) {
    import(record("user", 7, 110, {{"@type", type}, {"@uid", "0"}, {"@data", "1"}}));
    EXPECT_NE(import_.refused(), "") << type;
  }
  EXPECT_EQ(journal_->last_seq(), before);
  import(record("user", 7, 110, {{"@type", "user.note"}, {"@uid", "1000"}, {"@data", "1"}}));
  EXPECT_EQ(import_.refused(), "");
  EXPECT_EQ(journal_->last_seq(), before + 1);
}

// slurmctld was killed and gave the id away again, to the same user.
TEST_F(Records, ACancelHasTheSinksOfItsOwnRunBefore) {
  auto starts = [this](int64_t start, const char* selection) {
    auto r = record("start", 7, start);
    if (*selection != '\0') r.fields["SPANK_EVENT_SINK"] = selection;
    import(r, running(7, "alice", 1000, start));
  };
  auto cancelled = [this](int64_t submit) {
    slurm::JobInfo info = job_info(7, kCancelled, 0, 1);
    info.submit_time = submit;
    info.end_time = submit + 5;
    info.uid = 1000;
    info.nodes.clear();
    journal::Transaction t(journal_->db());
    import_.cancelled(&info, nullptr);
    t.commit();
  };
  starts(100, "log");
  cancelled(150);
  EXPECT_EQ(queued().count("slurm.job.cancelled alice"), 1U);
  starts(400, "");
  cancelled(450);
  EXPECT_EQ(queued().count("slurm.job.cancelled alice"), 1U);
}

// A node deletes what is refused: that needs slurmctld's word.
TEST_F(Records, AUsersEventIsNotRefusedWhileSlurmctldIsSilent) {
  int64_t before = journal_->last_seq();
  auto r = record("user", 9, 110, {{"@type", "user.note"}, {"@uid", "1000"}, {"@data", "1"}});
  import(r, silent());
  EXPECT_EQ(import_.refused(), "");
  EXPECT_NE(import_.undecided(), "");
  import(r, unknown());
  EXPECT_NE(import_.refused(), "");
  EXPECT_EQ(import_.undecided(), "");
  EXPECT_EQ(journal_->last_seq(), before);
}

TEST_F(Records, ALateSelectionFetchesAllOfItsRunAndNothingOfOthers) {
  import(record("start", 7, 100), running(7, "alice", 1000, 100));
  for (int i = 0; i < 700; ++i) {
    RawRecord r = record("user", 7, 101, {{"@type", "user.n"}, {"@uid", "1000"}, {"@data", "1"}});
    r.id = std::to_string(i);
    import(r);
  }
  // slurmctld was killed, and the id is bob's.
  import(record("start", 7, 400), running(7, "bob", 2000, 400));
  EXPECT_TRUE(queued().empty());
  import(record("launch", 7, 102, {{"@uid", "1000"}, {"@selection", "log"}, {"@node", "n0"}}));
  Set now = queued();
  EXPECT_EQ(now.count("slurm.job.start alice"), 1U);
  EXPECT_EQ(now.count("user.n alice"), 700U);
  EXPECT_EQ(now.count("slurm.job.launch alice"), 1U);
  EXPECT_EQ(now.count("slurm.job.start bob"), 0U);
}

TEST_F(Records, ALateSelectionLeavesALaterRunOfTheSameUserAlone) {
  import(record("start", 7, 100), running(7, "alice", 1000, 100));
  import(record("start", 7, 400), running(7, "alice", 1000, 400));
  import(record("launch", 7, 102, {{"@uid", "1000"}, {"@selection", "log"}, {"@node", "n0"}}));
  EXPECT_EQ(queued(), (Set{"slurm.job.launch alice", "slurm.job.start alice"}));
}

TEST_F(Records, ComponentsCancelledWhilePendingShareTheirSinks) {
  auto comp = [](uint32_t job, const char* selection) {
    return record("comp", job, 100,
                  {{"SLURM_JOB_ID", std::to_string(job)},
                   {"SLURM_HET_JOB_ID", "7"},
                   {"SLURM_JOB_UID", "1000"},
                   {"SLURM_JOB_USER", "alice"},
                   {"SPANK_EVENT_SINK", selection}});
  };
  import(comp(7, ""), unknown());
  EXPECT_TRUE(queued().empty());
  import(comp(8, "log"), unknown());
  EXPECT_EQ(queued().size(), 2U);
  import(comp(9, ""), unknown());
  EXPECT_EQ(queued().size(), 3U);
}

}  // namespace
}  // namespace sluice::daemon
