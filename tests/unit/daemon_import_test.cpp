// What a record becomes where slurmctld's answer is missing or about another run: the sinks it
// reaches.
#include "tests/unit/importing.h"
#include "tests/unit/slurm_says.h"

namespace sluice::daemon {
namespace {

using inbox::RawRecord;
using Fields = std::map<std::string, std::string>;

RawRecord hook(const char* kind, int64_t at, Fields fields) {
  RawRecord r;
  r.kind = kind;
  r.wall_us = at * 1'000'000;
  r.fields = std::move(fields);
  return r;
}

// As the start hook tells of an array's first task, and of those after it.
RawRecord whole_start(const char* selection, int64_t at = 100, const char* restart = "0") {
  return hook("start", at,
              {{"SLURM_JOB_ID", "7"},
               {"SLURM_JOB_RESTART_COUNT", restart},
               {"SLURM_JOB_PARTITION", "main"},
               {"SPANK_EVENT_SINK", selection}});
}

RawRecord short_start() {
  return hook("start", 100,
              {{"@job_id", "7"},
               {"@array_job_id", "6"},
               {"@array_task_id", "2"},
               {"SLURM_JOB_PARTITION", "main"},
               {"SLURM_JOB_ACCOUNT", "physics"}});
}

Answer says(uint32_t state, int64_t start, uint32_t restart, const char* partition = "main") {
  slurm::JobInfo info = job_info(7, state, start, restart);
  info.partition = partition;
  info.account = "physics";
  return found(info);
}

class Imported : public Importing {
 protected:
  Imported() {
    auto config = std::make_shared<config::Config>();
    for (const char* name : {"log", "main", "other"}) config->sinks[name].name = name;
    config->partitions = {{"main", "main"}, {"other", "other"}};
    events_.set_config(config);
  }
  // The types of what waits for the sink.
  std::vector<std::string> queued(const char* sink) {
    std::vector<std::string> out;
    for (const auto& q : journal_->queued(sink, 0, 10, 1 << 20)) out.push_back(q.event.type);
    return out;
  }
  using Types = std::vector<std::string>;
};

TEST_F(Imported, AnEndWhoseOutcomeNobodyKnowsIsTakenForAFailure) {
  import(whole_start("log:fail"), says(kRunning, 100, 0));
  import(hook("end", 150, {{"@job_id", "7"}}), says(kPending, 0, 1));
  EXPECT_EQ(queued("log"), Types{"slurm.job.end"});
}

TEST_F(Imported, AnExitCodeIsEnoughToKnow) {
  import(whole_start("log:fail"), says(kRunning, 100, 0));
  auto end = hook("end", 150, {{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_RESTART_COUNT", "0"}});
  end.fields["SLURM_JOB_EXIT_CODE"] = "0";
  import(end, silent());
  EXPECT_EQ(queued("log"), Types{});
  import(whole_start("log:fail", 200, "1"), says(kRunning, 200, 1));
  end.wall_us += 100'000'000;
  end.fields["SLURM_JOB_RESTART_COUNT"] = "2";
  end.fields["SLURM_JOB_EXIT_CODE"] = "10752";  // 42
  import(end, says(kPending, 0, 2));
  EXPECT_EQ(queued("log"), Types{"slurm.job.end"});
}

TEST_F(Imported, TheExitCodeOfARunThatWasKilledAndPutBackIsNotBelieved) {
  import(whole_start("log:fail"), says(kRunning, 100, 0));
  auto end = hook("end", 150, {{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_RESTART_COUNT", "1"}});
  end.fields["SLURM_JOB_EXIT_CODE"] = "0";
  import(end, says(kPending, 0, 1));
  EXPECT_EQ(queued("log"), Types{"slurm.job.end"});
}

TEST_F(Imported, ATaskNobodyAnsweredForIsInItsArraysPartition) {
  import(short_start(), silent());
  EXPECT_EQ(queued("main"), Types{"slurm.job.start"});
  EXPECT_EQ(journal_->runs_of(7).at(0).account, "physics");
}

TEST_F(Imported, SlurmctldKnowsATasksPartitionBetter) {
  import(short_start(), says(kRunning, 100, 0, "other"));
  EXPECT_EQ(queued("main"), Types{});
  EXPECT_EQ(queued("other"), Types{"slurm.job.start"});
}

}  // namespace
}  // namespace sluice::daemon
