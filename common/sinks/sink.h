// A sink: one admin-named place that takes events. What a sink knows is how to render a batch for
// its receiver, send it, and judge the answer; order, retry, dead letters and durability are the
// courier's (ctld/sluiced/courier), so every sink gets them alike.
//
// All calls come from the courier's one thread. Results come through callbacks on that thread, from
// http::Client::poll or directly from send().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/config/fields.h"
#include "common/http/client.h"
#include "common/json/json.h"

namespace sluice {

// One event as the journal holds it. `body` is the CloudEvents 1.0 JSON (structured mode).
struct StoredEvent {
  int64_t seq = 0;      // the journal's order
  std::string id;       // CloudEvents id: stable across repeats
  std::string type;     // for example slurm.job.end
  std::string subject;  // for example job/123
  std::string lane;     // events of one lane are sent in order: the job
  int64_t time_us = 0;  // when it happened
  std::string body;
};

enum class Verdict {
  taken,      // the receiver has it
  retry,      // this event failed and may succeed later
  refused,    // this event will never succeed here: a dead letter
  sink_down,  // the sink as a whole failed (unreachable, 5xx, credentials): every event waits
  unsent,     // it did not go, because a call before it failed: as if it had not been tried
  sink_gone,  // the sink said never again (410): disabled until configured anew
};

struct Outcome {
  Verdict verdict = Verdict::taken;
  std::string reason;           // why not, one sentence, with the receiver's own words
  int64_t retry_after_ms = -1;  // what the receiver asked for; -1: the courier's backoff
};

// One outcome an event, in the batch's order.
using Delivered = std::function<void(std::vector<Outcome>)>;
// Empty: reachable and usable. Else what is wrong and what to do.
using Checked = std::function<void(std::string problem)>;

struct SinkLimits {
  size_t batch = 1;        // events in one call
  size_t batch_bytes = 0;  // sum of wire_size in one call; 0: no bound
  size_t in_flight = 1;    // calls at once
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual SinkLimits limits() const = 0;
  // Bytes this event adds to a call, as the receiver counts them; called before send.
  virtual size_t wire_size(const StoredEvent& event) const { return event.body.size(); }
  // `batch` and what it points to live until `done` was called, once.
  virtual void send(std::span<const StoredEvent> batch, Delivered done) = 0;
  virtual void check(Checked done) = 0;
};

// What sinks are made from.
struct SinkContext {
  std::string name;
  std::string cluster;
  http::Client* http = nullptr;  // outlives the sink
};

// Makes the sink that `config` (the object at sinks.NAME) describes by its "type". Null if it has
// an error; everything found wrong is added to `problems`. The keys that every sink has (allow,
// public, retry, …) were taken by the caller and are not in `config`.
std::unique_ptr<Sink> make_sink(const Json& config, const SinkContext& context,
                                config::Problems* problems);

}  // namespace sluice
