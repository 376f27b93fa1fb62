// What power save has done and is about to do, in one SQLite file that every program and the daemon
// share: a launch is in it, synced, before the provider hears of it, and a machine leaves it only
// when it is known to end. So whoever comes next can finish what a killed one began.
//
// Functions throw journal::DbError. One Record belongs to one thread; between processes SQLite's
// lock decides, which nobody holds while the provider or Slurm is asked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/journal/db.h"
#include "common/power/provider.h"

namespace sluice::power {

// Where a launch was sent: enough to ask again without the group, which may be gone from the
// configuration.
struct Place {
  ProviderKind provider = ProviderKind::ec2;
  std::string region, profile;
  auto operator<=>(const Place&) const = default;
};
Place place_of(const Group& group);

struct Launch {
  std::string token;
  Place place;
  std::string group;    // its prefix
  std::string request;  // the provider's own, as it is sent
  std::string owner;    // the process that is at it (Owner)
  int64_t made_us = 0;
  std::vector<std::string> nodes;
};

enum class Stage {
  launching,  // recorded; whether the provider knows is not sure
  launched,   // there is a machine
  told,       // slurmctld has its address
};

struct Node {
  std::string name;
  std::string token;  // of its launch
  Place place;
  std::string group;  // its prefix
  Stage stage = Stage::launching;
  bool doomed = false;  // suspended while it was being launched: its machine is to be ended at once
  bool named = false;   // its machine has its own tags
  Machine machine;      // id, address, hostname, type, zone, spot
  int64_t since_us = 0;
  int64_t ready_us = 0;  // when it was first seen in use; 0: not yet
};

// A machine that must end.
struct Ending {
  std::string machine;
  Place place;
  std::string node;  // that it was
  int64_t since_us = 0;
};

// An event of a node that sluiced has not taken yet. It is committed with what it tells of.
struct Notice {
  int64_t seq = 0;  // given by add()
  std::string type;
  std::string id;  // the same whenever this is told again
  std::string node;
  int64_t time_us = 0;
  std::string data;  // JSON, an object
};

// What cannot be had of one kind of machine in one zone and market, or has just not been.
struct Shortage {
  Place place;
  std::string type, subnet, zone;
  bool spot = false;
  std::string code;  // the provider's
  int64_t until_us = 0;
};

// How the machines of a group have fared since one of them was last in use.
struct Trouble {
  int64_t failures = 0;  // that booted and never registered, one after the other
  int64_t last_us = 0;
};

struct Counter {
  std::string name, group, label;
  int64_t value = 0;
};

class Record {
 public:
  // `folder` is made where it is missing.
  static Result<Record> open(const std::string& folder);

  journal::Db& db() { return db_; }

  // Launches that are not settled, with their nodes.
  std::vector<Launch> launches();
  void add(const Launch& launch);  // its nodes become `launching`; none may have a row
  void take_over(const std::string& token, const std::string& owner);
  void settle(const std::string& token);  // nodes of it that got no machine are forgotten

  std::optional<Node> node(const std::string& name);
  std::vector<Node> nodes();
  void put(const Node& node);
  void forget(const std::string& name);

  std::vector<Ending> endings();
  void add(const Ending& ending);
  void ended(const std::string& machine);

  // Since when `what` has been seen of the node in every pass up to this one, µs; and the end of
  // what was not seen in the pass that began at `pass_us`.
  int64_t seen(const std::string& node, int what, int64_t pass_us);
  void unseen(int64_t pass_us);

  // At most some 10,000 are kept, the newest.
  void add(const Notice& notice);
  std::vector<Notice> notices(size_t most);
  void taken(int64_t seq);  // and all before it

  // Those that have not passed.
  std::vector<Shortage> shortages(int64_t now_us);
  void add(const Shortage& shortage);

  // The zone that a subnet is in, once something has told; or "".
  std::string zone_of(const Place& place, const std::string& subnet);
  void learn_zone(const Place& place, const std::string& subnet, const std::string& zone);

  Trouble trouble(const std::string& group);
  void set_trouble(const std::string& group, const Trouble& trouble);

  // Nodes that are not to be launched for a while, with the reason: parts of a job that cannot have
  // all of its nodes.
  void forsake(const std::string& node, int64_t until_us, const std::string& why);
  std::optional<std::string> forsaken(const std::string& node, int64_t now_us);

  // The last thing that went wrong with a node, until it is in use again.
  void set_error(const std::string& node, const std::string& text, int64_t now_us);
  void clear_error(const std::string& node);
  std::vector<std::pair<std::string, std::string>> errors();

  // Only ever grow.
  void count(const char* name, const std::string& group, const std::string& label, int64_t n);
  std::vector<Counter> counters();

 private:
  explicit Record(journal::Db db) : db_(std::move(db)) {}
  journal::Db db_;
};

// This process's claim to what it has under way, visible to others as long as it lives: a locked
// file, so that neither kill -9 nor a reused process number deceives anybody.
class Owner {
 public:
  static Result<Owner> make(const std::string& folder);
  Owner(Owner&& o) noexcept : path_(std::exchange(o.path_, {})), lock_(std::move(o.lock_)) {}
  Owner& operator=(Owner&&) = delete;
  ~Owner();

  std::string name() const;
  static bool alive(const std::string& folder, const std::string& name);

 private:
  Owner(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

// 32 hexadecimal digits of the system's randomness.
std::string make_token();

}  // namespace sluice::power
