// What a record becomes where slurmctld's answer is missing or about another run: the sinks it
// reaches.
#include "ctld/sluiced/import.h"

#include <gtest/gtest.h>

#include "tests/unit/temp_journal.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;
using Fields = std::map<std::string, std::string>;

constexpr uint32_t kPending = 0;
constexpr uint32_t kRunning = 1;

RawRecord hook(const char* kind, int64_t at, Fields fields) {
  RawRecord r;
  r.kind = kind;
  r.wall_us = at * 1'000'000;
  r.fields = std::move(fields);
  return r;
}

RawRecord whole_start(const char* selection, int64_t at = 100, const char* restart = "0") {
  return hook("start", at,
              {{"SLURM_JOB_ID", "7"},
               {"SLURM_JOB_RESTART_COUNT", restart},
               {"SPANK_EVENT_SINK", selection}});
}

Answer says(uint32_t state, int64_t start, uint32_t restart) {
  Answer a;
  a.status = Answer::Status::found;
  a.info.emplace();
  a.info->job_id = 7;
  a.info->state = state;
  a.info->start_time = start;
  a.info->restart_count = restart;
  a.info->user = "alice";
  return a;
}

class Imported : public ::testing::Test {
 protected:
  Imported() {
    auto config = std::make_shared<config::Config>();
    config->sinks["log"].name = "log";
    events_.set_config(config);
  }
  void import(const RawRecord& r, const Answer& answer) {
    journal::Transaction t(journal_->db());
    import_.record(r, answer);
    t.commit();
  }
  // The types of what waits for the sink.
  std::vector<std::string> queued(const char* sink) {
    std::vector<std::string> out;
    for (const auto& q : journal_->queued(sink, 0, 10, 1 << 20)) out.push_back(q.event.type);
    return out;
  }
  using Types = std::vector<std::string>;

  sluice::testing::TempJournal journal_;
  Stats stats_;
  Events events_{*journal_, "c", stats_};
  Import import_{*journal_, events_, stats_};
};

TEST_F(Imported, AnEndWhoseOutcomeNobodyKnowsIsTakenForAFailure) {
  import(whole_start("log:fail"), says(kRunning, 100, 0));
  import(hook("end", 150, {{"@job_id", "7"}}), says(kPending, 0, 1));
  EXPECT_EQ(queued("log"), Types{"slurm.job.end"});
}

TEST_F(Imported, AnExitCodeIsEnoughToKnow) {
  import(whole_start("log:fail"), says(kRunning, 100, 0));
  auto end = hook("end", 150, {{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_RESTART_COUNT", "1"}});
  end.fields["SLURM_JOB_EXIT_CODE"] = "0";
  import(end, says(kPending, 0, 1));
  EXPECT_EQ(queued("log"), Types{});
  import(whole_start("log:fail", 200, "1"), says(kRunning, 200, 1));
  end.wall_us += 100'000'000;
  end.fields["SLURM_JOB_RESTART_COUNT"] = "2";
  end.fields["SLURM_JOB_EXIT_CODE"] = "10752";  // 42
  import(end, says(kPending, 0, 2));
  EXPECT_EQ(queued("log"), Types{"slurm.job.end"});
}

}  // namespace
}  // namespace sluice::daemon
