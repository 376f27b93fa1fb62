// What the sinks on AWS services share: batches within the service's bound, the check before the
// first event where a service swallows what it cannot place, and judging what went wrong with a
// request as a whole. A service's own part is an AwsService.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/aws/caller.h"
#include "common/sinks/make.h"

namespace sluice::sinks {

using Events = std::vector<const StoredEvent*>;

// Reads and writes one service's messages. Immutable.
class AwsService {
 public:
  AwsService() = default;
  AwsService(const AwsService&) = delete;
  AwsService& operator=(const AwsService&) = delete;
  virtual ~AwsService() = default;

  // Bytes that the service counts for this event; an upper bound where the exact number would cost
  // as much as sending.
  virtual size_t wire_size(const StoredEvent& event) const = 0;
  virtual aws::Call render(const Events& batch) const = 0;
  // What each entry came to, from a 2xx answer's body; empty if that is garbage.
  virtual std::vector<Outcome> judge(const Events& batch, const std::string& body) const = 0;
  virtual aws::Call check_call() const = 0;
  // What to do where the receiver is missing, or the check is denied.
  virtual std::string advice(aws::Kind kind) const = 0;
};

struct AwsSinkOptions {
  size_t batch = 10;
  size_t batch_bytes = 256U << 10;
  size_t in_flight = 8;
  std::string group;         // of its calls, as http::Request's: the sink's name
  bool check_first = false;  // send nothing before check() has passed once, and look again at times
};

// The keys that all of them have: region, profile, endpoint, in_flight, max_request_kib, timeout_s,
// ca_file, proxy.
struct AwsKeys {
  aws::CallerConfig caller;
  aws::Surroundings surroundings;
  AwsSinkOptions options;
};
AwsKeys read_aws_keys(config::Fields& fields, const SinkContext& context);

std::unique_ptr<Sink> make_aws_sink(AwsKeys keys, std::shared_ptr<const AwsService> service);

// The outcomes of a batch from an answer's lists of entries: what failed (id, code, message, whose
// fault) and what went through. An entry that the answer does not mention is sent again.
struct EntryFailure {
  std::string id;
  std::string code;
  std::string message;
  bool sender_fault = false;
};
std::vector<Outcome> judge_entries(size_t n, const std::string& action,
                                   const std::vector<std::string>& taken,
                                   const std::vector<EntryFailure>& failed);
// What one failed entry comes to.
Outcome judge_entry(const std::string& action, const EntryFailure& failure);

// The same JSON with the two characters that SQS and SNS refuse (U+FFFE, U+FFFF) as escapes.
std::string without_noncharacters(const std::string& json);

// A FIFO group or deduplication id: at most 128 of the characters that are allowed there; anything
// else is replaced by its SHA-256.
std::string fifo_id(const std::string& text);

}  // namespace sluice::sinks
