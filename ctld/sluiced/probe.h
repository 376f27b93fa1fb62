// One look at every sink, on request: what each check found, gathered until the last has answered
// or can answer no more (its sink went with a reload). Shared by the checks under way; the last one
// to let go of it tells. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sluice::daemon {

class Probe {
 public:
  using Problems = std::map<std::string, std::string>;  // by sink; empty: reachable and usable

  explicit Probe(std::function<void(const Problems&)> tell) : tell_(std::move(tell)) {}
  ~Probe() { tell_(problems_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void found(const std::string& sink, const std::string& problem) {
    std::lock_guard lock(mutex_);
    problems_[sink] = problem;
  }

 private:
  std::function<void(const Problems&)> tell_;
  std::mutex mutex_;
  Problems problems_;
};

}  // namespace sluice::daemon
