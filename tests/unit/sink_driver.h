// What the sink tests share: a sink from configuration text, and its outcomes waited for.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/sinks/sink.h"

namespace sluice::tests {

struct SinkDriver {
  http::Client http;
  config::Problems problems;
  std::unique_ptr<Sink> sink;

  explicit SinkDriver(const std::string& config) {
    auto json = Json::parse(config);
    EXPECT_TRUE(json) << config;
    sink = make_sink(*json, {"s", "c", &http}, &problems);
  }

  std::string problem_text() const {
    std::string out;
    for (const auto& p : problems)
      if (!p.warning) out += p.text() + "\n";
    return out;
  }

  std::vector<Outcome> send(const std::vector<StoredEvent>& events) {
    std::optional<std::vector<Outcome>> out;
    sink->send(events, [&](std::vector<Outcome> o) { out = std::move(o); });
    wait([&] { return out.has_value(); });
    return out.value_or(std::vector<Outcome>{});
  }

  std::string check() {
    std::optional<std::string> out;
    sink->check([&](std::string p) { out = std::move(p); });
    wait([&] { return out.has_value(); });
    return out.value_or("the test gave up");
  }

  template <class Done>
  void wait(Done done) {
    int64_t until = clock::mono_ms() + 20'000;
    while (!done() && clock::mono_ms() < until) http.poll(100);
  }
};

inline StoredEvent stored_event(int n, const std::string& extra = "") {
  std::string id = "id-" + std::to_string(n);
  return {n,
          id,
          "slurm.job.end",
          "job/" + std::to_string(n),
          "job/" + std::to_string(n),
          1'000'000,
          R"({"specversion":"1.0","id":")" + id +
              R"(","type":"slurm.job.end","source":"/slurm/c","data":{"job":{"name":"x"})" + extra +
              "}}"};
}

inline std::vector<Verdict> verdicts(const std::vector<Outcome>& outcomes) {
  std::vector<Verdict> out;
  for (const auto& o : outcomes) out.push_back(o.verdict);
  return out;
}

}  // namespace sluice::tests
