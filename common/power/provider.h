// The seam between power save and whatever makes nodes: EC2, or local processes. A provider serves
// one place (a region with a profile). Every call answers once, from the call or from poll(); for
// one thread. Held by shared_ptr: calls under way keep it alive.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/power/config.h"

namespace sluice::power {

enum class Cause {
  throttled,      // too many calls: later
  no_capacity,    // not of this type in this zone and market, now
  quota,          // the account's limit: nothing more until something ends
  configuration,  // launch template, subnet, type: wrong until somebody mends it
  credentials,    // unknown, expired, not allowed
  unavailable,    // the provider's or the network's trouble: later
};
const char* name_of(Cause cause);  // "no_capacity"

struct Refusal {
  Cause cause = Cause::unavailable;
  std::string code;  // the provider's own: InsufficientInstanceCapacity
  std::string text;  // one line, printable
  // The pool it is about, where it is about one.
  std::string type, zone, subnet;
  bool spot = false;
};

// One kind of machine in one subnet.
struct Pool {
  std::string type, subnet;
  auto operator<=>(const Pool&) const = default;
};

enum class Life { pending, running, ending, ended };

struct Machine {
  std::string id;  // the provider's: i-0123456789abcdef0
  std::string address, hostname;
  std::string type, zone, subnet;
  bool spot = false;
  Life life = Life::pending;
  int64_t since_us = 0;  // of its launch
  std::string launch;    // the token it was launched under
  std::string node;      // where the provider knows it
  std::string why;       // of its end, where the provider says: Server.SpotInstanceTermination
};

// One launch: the machines for some nodes of one group.
struct Order {
  const Group* group = nullptr;
  std::string token;  // random, of [0-9a-f]{32}; the launch's id
  std::string cluster;
  std::vector<std::string> nodes;
  bool spot = false;        // as the group says, or on demand in its place
  std::vector<Pool> avoid;  // had no capacity a moment ago
};

struct Launched {
  std::vector<Machine> machines;  // addresses may be missing yet
  std::vector<Refusal> refusals;  // why there are fewer than asked for
  bool unsure = false;            // it may have made more than it says: an answer was lost
};

using OnLaunched = std::function<void(Launched)>;
using Found = std::expected<std::vector<Machine>, Refusal>;
using OnMachines = std::function<void(const Found&)>;
// The machines that are ending or gone, and why the others are not.
struct Ended {
  std::vector<std::string> ids;
  std::vector<std::string> unknown;  // that the provider has never heard of, or not yet
  std::vector<Refusal> refusals;
};
using OnEnded = std::function<void(Ended)>;
// Whether something may be done, as far as the provider says without doing it.
struct Permission {
  std::string action;  // CreateFleet, or what else was asked
  enum class Answer { yes, no, unknown } answer = Answer::unknown;
  std::string text;  // where not yes
};
using OnProbed = std::function<void(std::vector<Permission>)>;
using OnTagged = std::function<void(std::optional<Refusal>)>;

class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  // The exact request, to be recorded before it is sent: the same request again never launches
  // more.
  virtual std::string render(const Order& order) const = 0;
  // What the group may be launched from.
  virtual std::vector<Pool> pools(const Group&) const { return {}; }
  virtual void launch(const std::string& request, OnLaunched done) = 0;

  // Every machine of the cluster that has not ended.
  virtual void list(const std::string& cluster, OnMachines done) = 0;
  // The machines of one launch, with their addresses, as far as they are visible yet; those that
  // ended as well, as long as they are known.
  virtual void find(const std::string& token, OnMachines done) = 0;

  virtual void terminate(std::vector<std::string> ids, OnEnded done) = 0;

  // Tags one machine, for people to see.
  virtual void tag(const std::string& id,
                   const std::vector<std::pair<std::string, std::string>>& tags, OnTagged done) = 0;

  // Asks for everything that the order's nodes would need, without doing any of it.
  virtual void probe(const Order&, const OnProbed& done) { done({}); }

  // Calls of its API since this was asked last, by action.
  virtual std::map<std::string, int64_t> take_calls() { return {}; }

  // Calls back for what has ended; waits at most `timeout_ms`. False where nothing is under way.
  virtual bool poll(int64_t timeout_ms) = 0;
};

using ProviderPtr = std::shared_ptr<Provider>;

}  // namespace sluice::power
