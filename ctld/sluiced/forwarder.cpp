#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/wire/frame.h"
#include "ctld/sluiced/node.h"

namespace sluice::daemon {
namespace {

constexpr int64_t kTickMs = 1000;
constexpr int64_t kAgainMs = 1000;       // after the controller could not be reached
constexpr int64_t kCallerWaitMs = 8000;  // how long an emit waits for the controller

}  // namespace

Forwarder::Forwarder(const config::Config& config, std::string node, Stats& stats)
    : dir_(config.inbox),
      node_(node),
      stats_(stats),
      reader_(config.inbox),
      forward_(config.controllers, config.munge_socket, std::move(node)),
      thread_([this] { loop(); }) {}

Forwarder::~Forwarder() {
  flush_and_stop();
}

void Forwarder::flush_and_stop() {
  stop_ = true;
  event_.wake();
  if (thread_.joinable()) thread_.join();
}

void Forwarder::submit(std::vector<inbox::RawRecord> records, Committed committed) {
  // sluice emit sends one at a time.
  for (auto& record : records) {
    record.fields["@node"] = node_;
    std::string hidden = dir_ + "/." + record.id;
    std::string bytes = inbox::serialize(record);
    if (!has_room(bytes.size())) {
      committed({"",
                 {{record.id,
                   "this node keeps as many events as it may: the controller's "
                   "sluiced cannot be reached; try again later"}}});
      continue;
    }
    Fd fd(::open(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
    bool good =
        fd && ::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    {
      std::lock_guard lock(mutex_);
      if (good) waiting_[record.id] = {committed, clock::mono_ms()};
    }
    if (good) keeps(record.id, bytes.size());
    if (good && ::rename(hidden.c_str(), (dir_ + "/" + record.id).c_str()) == 0) continue;
    ::unlink(hidden.c_str());
    forwarded(record.id);
    {
      std::lock_guard lock(mutex_);
      waiting_.erase(record.id);
    }
    committed({"", {{record.id, "this node's inbox " + dir_ + " cannot take the event"}}});
  }
}

// What hooks have to say comes first: what users emit has a quarter of the inbox while the
// controller is away.
bool Forwarder::has_room(size_t bytes) {
  struct statvfs fs{};
  if (::statvfs(dir_.c_str(), &fs) != 0) return false;
  std::lock_guard lock(mutex_);
  // A file takes whole blocks.
  return emitted_bytes_ / fs.f_frsize + emitted_.size() + bytes / fs.f_frsize < fs.f_blocks / 4 &&
         (fs.f_files == 0 || emitted_.size() < fs.f_files / 4);
}

void Forwarder::keeps(const std::string& id, size_t bytes) {
  std::lock_guard lock(mutex_);
  if (emitted_.try_emplace(id, bytes).second) emitted_bytes_ += bytes;
}

void Forwarder::forwarded(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto it = emitted_.find(id);
  if (it == emitted_.end()) return;
  emitted_bytes_ -= it->second;
  emitted_.erase(it);
}

void Forwarder::tell(const std::string& id, const Commit& commit) {
  Committed committed;
  {
    std::lock_guard lock(mutex_);
    auto it = waiting_.find(id);
    if (it == waiting_.end()) return;
    committed = std::move(it->second.committed);
    waiting_.erase(it);
  }
  committed(commit);
}

void Forwarder::give_up_waiting() {
  std::vector<std::string> late;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, w] : waiting_)
      if (clock::mono_ms() - w.since_ms > kCallerWaitMs) late.push_back(id);
  }
  for (const auto& id : late)
    tell(id, {"kept on this node: the controller's sluiced cannot be reached now", {}});
}

bool Forwarder::flush() {
  for (;;) {
    auto records = reader_.scan(wire::kMaxBatchRecords / 2);
    if (records.empty()) return true;
    std::vector<inbox::RawRecord> batch;
    size_t bytes = 0;
    auto send = [&] {
      if (batch.empty()) return true;
      auto sent = forward_.send(batch);
      if (!sent) {
        log::once(log::Level::warning, "forward",
                  sent.error().what + "; records are kept on this node");
        return false;
      }
      log::clear("forward", "the controller takes this node's records again");
      fault::point("forward.acknowledged");
      for (const auto& r : batch) {
        reader_.remove(r.id);
        forwarded(r.id);
        tell(r.id, {"", *sent});
      }
      stats_.forwarded += static_cast<int64_t>(batch.size());
      batch.clear();
      bytes = 0;
      return true;
    };
    bool good = true;
    for (auto& r : records) {
      r.fields.try_emplace("@node", node_);
      size_t size = inbox::serialize(r).size();
      if (r.kind == "user") keeps(r.id, size);  // of a sluiced before this one, perhaps
      if (bytes + size > wire::kMaxBatchBytes) good = good && send();
      bytes += size;
      batch.push_back(std::move(r));
    }
    good = good && send();
    if (!good) {
      reader_.forget();  // they are scanned again
      return false;
    }
  }
}

void Forwarder::loop() {
  int64_t again_ms = 0;
  for (;;) {
    int64_t now = clock::mono_ms();
    if (!open_) {
      auto opened = reader_.open();
      if (!opened)
        log::once(log::Level::error, "inbox-open",
                  opened.error().what + "; tried again every second");
      else
        log::clear("inbox-open", "inbox " + dir_ + " is open again");
      open_ = opened.has_value();
    }
    if (open_ && now >= again_ms && !flush()) again_ms = clock::mono_ms() + kAgainMs;
    inbox::GapMark gap;
    if (open_ && reader_.gap(&gap)) {
      ++stats_.gaps;
      stats_.dropped += static_cast<int64_t>(gap.dropped);
      log::error("hooks on this node dropped records: inbox " + dir_ + " was full");
    }
    give_up_waiting();
    if (stop_) return;
    pollfd fds[2] = {{event_.get(), POLLIN, 0}, {open_ ? reader_.fd() : -1, POLLIN, 0}};
    int64_t left = again_ms > clock::mono_ms() ? again_ms - clock::mono_ms() : kTickMs;
    // While the controller is away new records do not hurry the next try.
    ::poll(fds, again_ms > clock::mono_ms() ? 1 : 2, static_cast<int>(left));
    if (open_ && !reader_.drain()) open_ = false;
  }
}

}  // namespace sluice::daemon
