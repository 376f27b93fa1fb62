// Power save's counters as Prometheus text, from its record. Groups' names are [A-Za-z0-9-].
#pragma once

#include <cstdint>
#include <string>

namespace sluice::daemon {

struct Passes {
  int64_t done = 0, failed = 0, last_us = 0;
};

// `state`: the record's folder. Any thread.
std::string power_metrics(const std::string& state, const Passes& passes);

}  // namespace sluice::daemon
