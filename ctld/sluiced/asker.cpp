#include "ctld/sluiced/asker.h"

#include "common/base/clock.h"
#include "common/base/log.h"

namespace sluice::daemon {
namespace {

// One job costs slurmctld and us some 0.6 ms, one of all jobs some 6 µs: for many questions about
// few jobs a single answer with every job is cheaper. Measured; see docs/architecture.md.
constexpr int64_t kJobsPerQuestion = 100;
constexpr size_t kFewQuestions = 8;
constexpr int64_t kMostJobs = 20'000;  // memory: some 2 KiB a job

}  // namespace

Asker::Asker(std::function<void(Answers)> answered, Stats& stats)
    : answered_(std::move(answered)), stats_(stats), thread_([this] { loop(); }) {}

Asker::~Asker() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Asker::ask(uint32_t job_id, uint64_t number) {
  {
    std::lock_guard lock(mutex_);
    wanted_[job_id] = number;
  }
  wake_.notify_one();
}

void Asker::loop() {
  for (;;) {
    std::map<uint32_t, uint64_t> wanted;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !wanted_.empty(); });
      if (stop_) return;
      wanted.swap(wanted_);
    }
    std::set<uint32_t> ids;
    for (const auto& [id, number] : wanted) ids.insert(id);
    Answers answers;
    auto n = static_cast<int64_t>(ids.size());
    int64_t known = known_jobs_;
    bool all = ids.size() >= kFewQuestions && known >= 0 && known <= kMostJobs &&
               known <= n * kJobsPerQuestion;
    if (!all || !ask_all(ids, &answers)) answers = ask_each(ids);
    for (auto& [id, answer] : answers) answer.asked = wanted[id];
    stats_.asker_cpu_us = clock::thread_cpu_us(pthread_self());
    answered_(std::move(answers));
  }
}

Answers Asker::ask_each(const std::set<uint32_t>& ids) {
  Answers out;
  for (uint32_t id : ids) {
    if (out.contains(id)) continue;  // came along with its array
    if (stop_) return out;
    auto jobs = slurm::load_job(id);
    if (!jobs) {
      bool unknown = jobs.error().unknown_job;
      out[id].status = unknown ? Answer::Status::unknown_job : Answer::Status::unreachable;
      if (unknown) continue;
      stats_.slurm_up = false;
      log::once(log::Level::warning, "slurm",
                "slurmctld does not answer: " + jobs.error().what +
                    "; events wait a while for its answer, then go out without");
      // The others would only wait as long: they are asked again by the importer.
      for (uint32_t rest : ids)
        if (!out.contains(rest)) out[rest].status = Answer::Status::unreachable;
      return out;
    }
    slurm_answers();
    for (auto& job : *jobs)
      if (uint32_t its = job.job_id; ids.contains(its))
        out[its] = {Answer::Status::found, 0, std::move(job)};
    if (!out.contains(id)) out[id].status = Answer::Status::unknown_job;
  }
  return out;
}

void Asker::slurm_answers() {
  stats_.slurm_up = true;
  log::clear("slurm", "slurmctld answers again");
}

bool Asker::ask_all(const std::set<uint32_t>& ids, Answers* out) {
  int64_t stamp = 0;
  auto jobs = slurm::load_jobs(0, &stamp);
  if (!jobs) return false;
  slurm_answers();
  known_jobs_ = static_cast<int64_t>(jobs->size());
  for (auto& job : *jobs)
    if (uint32_t its = job.job_id; ids.contains(its))
      (*out)[its] = {Answer::Status::found, 0, std::move(job)};
  for (uint32_t id : ids)
    if (!out->contains(id)) (*out)[id].status = Answer::Status::unknown_job;
  return true;
}

}  // namespace sluice::daemon
