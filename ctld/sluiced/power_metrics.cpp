#include "ctld/sluiced/power_metrics.h"

#include <map>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/power/record.h"
#include "ctld/sluiced/prometheus.h"

namespace sluice::daemon {
namespace {

struct Known {
  const char* name;    // in the record
  const char* metric;  // here
  const char* label;   // what its label is; null: it has none
  const char* help;
};
constexpr Known kKnown[] = {
    {"launches", "sluice_power_launches_total", "market", "Machines launched."},
    {"launch_failures", "sluice_power_launch_failures_total", "cause",
     "Refusals of the provider, by class."},
    {"boot_failures", "sluice_power_boot_failures_total", nullptr,
     "Nodes that booted and never registered."},
    {"interruptions", "sluice_power_interruptions_total", nullptr,
     "Nodes drained because the provider takes their machine back."},
};

std::string labels(const std::string& group, const char* key, const std::string& value) {
  std::string out = "{group=\"" + group + "\"";
  if (key != nullptr) out += std::string(",") + key + "=\"" + value + "\"";
  return out + "}";
}

const char* stage_of(const power::Node& n) {
  if (n.stage == power::Stage::launching) return "launching";
  return n.ready_us > 0 ? "ready" : "booting";
}

void machines(Exposition& t, const std::vector<power::Node>& nodes) {
  std::map<std::string, int64_t> by;
  for (const auto& n : nodes) ++by[labels(n.group, "stage", stage_of(n))];
  t.metric("sluice_power_machines", "gauge", "Machines that are launched, boot or are in use.");
  for (const auto& [label, n] : by) t.value(static_cast<double>(n), label);
}

// Of those that ended and those that run.
void hours(Exposition& t, const std::vector<power::Node>& nodes,
           const std::vector<power::Counter>& counters) {
  std::map<std::string, int64_t> by;
  for (const auto& c : counters)
    if (c.name == "machine_seconds") by[labels(c.group, "market", c.label)] += c.value;
  for (const auto& n : nodes)
    if (n.stage != power::Stage::launching)
      by[labels(n.group, "market", n.machine.spot ? "spot" : "on-demand")] +=
          std::max<int64_t>((clock::wall_us() - n.since_us) / 1'000'000, 0);
  t.metric("sluice_power_machine_seconds_total", "counter", "For how long machines have run.");
  for (const auto& [label, n] : by) t.value(static_cast<double>(n), label);
}

}  // namespace

std::string power_metrics(const std::string& state, const Passes& passes) {
  Exposition t;
  t.metric("sluice_build_info", "gauge", "Version of sluiced.");
  t.value(1, std::string("{version=\"") + SLUICE_VERSION + "\"}");
  t.one("sluice_power_passes_total", "counter", "Looks at all nodes.",
        static_cast<double>(passes.done));
  t.one("sluice_power_failed_passes_total", "counter", "Looks that failed.",
        static_cast<double>(passes.failed));
  t.one("sluice_power_last_pass_timestamp_seconds", "gauge", "When all nodes were looked at last.",
        static_cast<double>(passes.last_us) / 1e6);
  auto record = power::Record::open(state);
  t.one("sluice_power_record_up", "gauge", "1 if the record can be read.", record ? 1 : 0);
  if (!record) return t.take();
  try {
    auto nodes = record->nodes();
    auto counters = record->counters();
    machines(t, nodes);
    hours(t, nodes, counters);
    for (const Known& known : kKnown) {
      t.metric(known.metric, "counter", known.help);
      for (const auto& c : counters)
        if (c.name == known.name)
          t.value(static_cast<double>(c.value), labels(c.group, known.label, c.label));
    }
    t.metric("sluice_power_api_calls_total", "counter", "Calls of the provider's API.");
    for (const auto& c : counters)
      if (c.name == "api_calls")
        t.value(static_cast<double>(c.value), "{action=\"" + c.label + "\"}");
    t.one("sluice_power_endings", "gauge", "Machines that must end and have not yet.",
          static_cast<double>(record->endings().size()));
    t.one("sluice_power_events_waiting", "gauge", "Events that sluiced has not taken yet.",
          static_cast<double>(record->notices(10'000).size()));
  } catch (const journal::DbError& e) {
    log::debug("metrics: " + e.what);  // what was read so far is true
  }
  return t.take();
}

}  // namespace sluice::daemon
