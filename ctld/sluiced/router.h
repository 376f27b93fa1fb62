// Which sinks an event goes to: the job's own selection as far as it is allowed, the routes whose
// pattern matches, and the partition's defaults. sluiced decides finally; what sbatch checked was
// a courtesy. For one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/journal/journal.h"
#include "common/json/json.h"

namespace sluice::daemon {

struct Refusal {
  std::string sink;
  std::string reason;
};

struct Routed {
  std::vector<std::string> sinks;
  std::vector<Refusal> refused;
};

class Router {
 public:
  explicit Router(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {}

  // Will route() want to know the groups of a run's user? Then look_up_groups() beforehand.
  bool asks_for_groups() const;

  // `event` is the whole CloudEvent; `run` the run it belongs to, or null; `selections` the
  // --event-sink of the job and of its heterogeneous siblings; `bits` the event's selection bits
  // (event::selection_bits).
  Routed route(const Json& event, const journal::Run* run,
               const std::vector<std::string>& selections, uint32_t bits) const;

 private:
  void by_selection(const std::string& text, const journal::Run& run, uint32_t bits,
                    Routed* out) const;
  std::string refusal(const config::SinkConfig& sink, const journal::Run& run) const;
  std::shared_ptr<const config::Config> config_;
};

}  // namespace sluice::daemon
