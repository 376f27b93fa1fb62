// Calls to EC2 in one region: those that fail in passing (throttling, a service that is away) are
// made again, the same bytes, with growing and random pauses. For one thread; held by shared_ptr,
// and outlives the provider's callbacks as long as it is polled.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/aws/caller.h"
#include "common/power/bucket.h"

namespace sluice::power::ec2 {

class Calls : public std::enable_shared_from_this<Calls> {
 public:
  // `s.http` outlives it.
  // `state`: the folder that the host's processes share buckets in; empty: none.
  Calls(const std::string& region, const std::string& profile, aws::Surroundings s,
        const std::string& state);

  // `body` is the form. Calls back once, from poll() or from here.
  void call(const char* action, const std::string& body, aws::OnAnswer done);

  // Calls back for what has ended; waits at most `timeout_ms`. False where nothing is under way.
  bool poll(int64_t timeout_ms);

  std::map<std::string, int64_t> take_calls() { return std::exchange(made_, {}); }

 private:
  struct Try {
    const char* action;
    std::string body;
    int64_t deadline_ms, pause_ms;
    bool lost_one;  // one had no answer
    aws::OnAnswer done;
  };
  void attempt(const std::shared_ptr<Try>& one);

  http::Client* http_;
  std::shared_ptr<aws::Caller> caller_;
  std::optional<Buckets> buckets_;
  std::map<std::string, int64_t> made_;                         // calls by action
  size_t open_ = 0;                                             // calls that have not answered
  std::list<std::pair<int64_t, std::function<void()>>> later_;  // when, in ms of clock::mono_ms
};

}  // namespace sluice::power::ec2
