#include "ctld/sluiced/emit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/client/connection.h"
#include "common/event/types.h"
#include "common/slurm/jobs.h"

namespace sluice::daemon {
namespace {

constexpr size_t kMostTasks = 1000;
constexpr int64_t kMostTasksOfOne = 32;
constexpr size_t kMostBuckets = 10'000;

std::string boot_id() {
  auto text = file::read("/proc/sys/kernel/random/boot_id", 64);
  return text && text->size() >= 8 ? text->substr(0, 8) : "00000000";
}

}  // namespace

uint32_t job_in_cgroup(std::string_view cgroup) {
  // Written by slurmstepd: "4:memory:/slurm/uid_1000/job_42/step_0" (version 1, or /slurm_NODE/…),
  // "0::/system.slice/slurmstepd.scope/job_42/step_0/user" (version 2, or NODE_slurmstepd.scope).
  // Below user.slice users make groups of their own, by any name.
  for (const auto& line : text::split(cgroup, '\n')) {
    size_t colon = line.find(':', line.find(':') + 1);
    if (colon == line.npos) continue;
    std::string_view path = std::string_view(line).substr(colon + 1);
    if (path.find("/user.slice/") != path.npos) continue;
    size_t at =
        path.starts_with("/slurm") ? path.find("/job_") : path.find("slurmstepd.scope/job_");
    if (at == path.npos) continue;
    std::string_view digits = path.substr(path.find("job_", at) + 4);
    digits = digits.substr(0, digits.find_first_not_of("0123456789"));
    int64_t id = 0;
    if (text::parse_int(digits, 1, UINT32_MAX - 2, &id)) return static_cast<uint32_t>(id);
  }
  return 0;
}

bool Quota::take(uid_t uid) {
  int64_t now = clock::mono_ms();
  if (buckets_.size() > kMostBuckets) buckets_.clear();
  auto [it, fresh] = buckets_.try_emplace(uid, Bucket{static_cast<double>(burst_), now});
  Bucket& b = it->second;
  b.tokens += static_cast<double>((now - b.at_ms) * per_minute_) / 60'000.0;
  b.tokens = std::min(b.tokens, static_cast<double>(burst_));
  b.at_ms = now;
  if (b.tokens < 1) return false;
  b.tokens -= 1;
  return true;
}

Emit::Emit(std::shared_ptr<const config::Config> config, Intake& intake, Stats& stats)
    : config_(std::move(config)),
      intake_(intake),
      stats_(stats),
      quota_(config_->emit_burst, config_->emit_per_minute),
      thread_([this] { loop(); }) {}

Emit::~Emit() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Emit::request(const Json& request, const Caller& caller, Reply reply) {
  auto refuse = [&](const std::string& why) {
    ++stats_.refused;
    reply.answer(problem(why));
  };
  std::string type = request.get("type").str();
  std::string data = request.get("data").dump();
  if (!event::is_user_type(type))
    return refuse("type " + json_quote(text::printable(type)) +
                  ": must be user.NAME with NAME of a-z 0-9 _ . -, at most 64 characters in all");
  if (data.size() > static_cast<size_t>(config_->emit_max_bytes))
    return refuse("data has " + std::to_string(data.size()) + " bytes, at most " +
                  std::to_string(config_->emit_max_bytes) + " are allowed");
  if (!Json::parse(data, false, client::kMaxDepth))
    return refuse("data is nested too deep: at most " + std::to_string(client::kMaxDepth) +
                  " levels are allowed");
  if (!quota_.take(caller.uid))
    return refuse("too many events: at most " + std::to_string(config_->emit_per_minute) +
                  " a minute and " + std::to_string(config_->emit_burst) + " at once");
  static const std::string boot = boot_id();
  Task task{{}, caller, reply};
  char id[64];
  snprintf(id, sizeof id, "%016llx-%s-%x-%x",
           static_cast<unsigned long long>(clock::mono_us()) * 1000, boot.c_str(),
           static_cast<unsigned>(::getpid()), ++counter_);
  task.record.id = id;
  task.record.kind = "user";
  task.record.wall_us = clock::wall_us();
  task.record.fields["@type"] = type;
  task.record.fields["@data"] = data;
  task.record.fields["@uid"] = std::to_string(caller.uid);
  {
    std::lock_guard lock(mutex_);
    auto mine =
        std::ranges::count_if(tasks_, [&](const Task& t) { return t.caller.uid == caller.uid; });
    // One user's burst must not make the others wait for slurmd.
    if (tasks_.size() < kMostTasks && mine < kMostTasksOfOne) {
      tasks_.push_back(std::move(task));
      wake_.notify_one();
      return;
    }
  }
  refuse("too many events are waiting on this host; try again later");
}

void Emit::loop() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (stop_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    finish(std::move(task));
  }
}

void Emit::finish(Task task) {
  std::string proc = "/proc/" + std::to_string(task.caller.pid);
  // The caller may have ended and its number may be another's by now.
  struct stat st{};
  if (::stat(proc.c_str(), &st) != 0 || st.st_uid != task.caller.uid) {
    ++stats_.refused;
    return task.reply.answer(problem("the calling process has ended"));
  }
  auto cgroup = file::read(proc + "/cgroup", 65536);
  uint32_t job = cgroup ? job_in_cgroup(*cgroup) : 0;
  if (job == 0) job = slurm::job_of_pid(task.caller.pid);
  if (job == 0) {
    ++stats_.refused;
    return task.reply.answer(
        problem("process " + std::to_string(task.caller.pid) +
                " is in no job of this host: sluice emit works inside a running job"));
  }
  task.record.fields["@job_id"] = std::to_string(job);
  task.record.fields["@user"] = slurm::user_name(task.caller.uid);
  std::string id = task.record.id;
  std::vector<inbox::RawRecord> records;
  records.push_back(std::move(task.record));
  auto tell = [reply = task.reply, job, id, stored = intake_.stores()](const Commit& commit) {
    if (auto refused = commit.refused.find(id); refused != commit.refused.end())
      return reply.answer(problem(refused->second));
    if (!commit.why.empty() && !stored)
      return reply.answer(problem(commit.why + "; the event is not kept: try again later"));
    Json out = Json::object();
    out.set("job_id", Json::of(int64_t{job}));
    out.set("record", Json::of(id));
    out.set("committed", Json::of(commit.why.empty()));
    if (!commit.why.empty()) out.set("note", Json::of(commit.why));
    reply.answer(out);
  };
  intake_.submit(std::move(records), std::move(tell));
}

}  // namespace sluice::daemon
