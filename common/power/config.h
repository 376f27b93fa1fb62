// What power save is told: which groups of nodes may be launched, where and how. The content is
// that of config.json and partitions.json as aws-plugin-for-slurm (version 2) defined them; the
// same content may stand in sluice.json under "power". docs/power-configuration.md describes every
// key. Values hold Json, so a Config belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "common/config/fields.h"
#include "common/json/json.h"

namespace sluice::power {

// KEY=VALUE pairs of slurm.conf, in the order given; no key twice.
using Settings = std::vector<std::pair<std::string, std::string>>;

enum class ProviderKind {
  ec2,
  process,  // a node is a local slurmd: for demonstrations and tests
};

// Nodes PARTITION-GROUP-0 to PARTITION-GROUP-(max_nodes-1), all launched in the same way.
struct Group {
  std::string partition, name;
  int64_t max_nodes = 0;
  Settings specifications;  // of the NodeName line
  ProviderKind provider = ProviderKind::ec2;

  // ec2 only. Json values are as CreateFleet's objects of the same name.
  std::string region;
  std::string profile;  // empty: the standard credential chain
  bool spot = false;
  Json market_options;    // SpotOptions or OnDemandOptions, whichever is of use; or null
  bool fallback = false;  // spot: on demand where there is no capacity
  Json fallback_options;  // OnDemandOptions for that; or null
  Json launch_template;
  std::vector<Json> overrides;
  std::vector<std::string> subnets;
  std::vector<std::pair<std::string, std::string>> tags;  // values may have {node_name} and its kin

  std::string prefix() const { return partition + "-" + name; }
};

struct Partition {
  std::string name;
  Settings options;  // of the PartitionName line
  std::vector<Group> groups;
};

struct Config {
  std::string log_level = "DEBUG";
  std::string log_file;  // empty: standard error, or syslog where that is unread
  std::string state = "/var/lib/sluice-power";  // the folder of the record (store.h)
  int64_t stuck_s = 60;                         // how long a state that should pass may last
  int64_t fail_hold_s = 60;                     // how long a node that could not come stays down
  int64_t orphan_s = 300;     // how old a machine without a node is before it is ended
  int64_t shortage_s = 300;   // how long it is remembered that a pool had no capacity
  int64_t boot_failures = 3;  // so many in a row, and the group is left alone
  int64_t protect_s = 900;    // for so long
  int64_t interval_s = 30;    // between two looks of sluiced's
  std::string event_socket = config::kDefaultSocket;  // sluiced's, for events of nodes
  std::string metrics;             // where sluiced's power role serves its metrics; empty: nowhere
  std::string interruption_queue;  // URL of the SQS queue with EC2's warnings; empty: none
  std::string queue_profile;       // the profile that may read it
  Settings slurm_conf;
  std::vector<Partition> partitions;
};

// `path` is a folder with config.json and partitions.json, or a file with a "power" object. Reads
// and checks it as a whole; what is found is in `problems`, each path with the file's name before
// it. The result is usable if none of them is an error. Does not touch the network.
Config load(const std::string& path, config::Problems* problems);

// The parts, for texts that are read already.
void parse_config(const Json& object, Config* out, config::Problems* problems);
void parse_partitions(const Json& object, Config* out, config::Problems* problems);
// What only shows when both are known.
void check_together(const Config& config, config::Problems* problems);

}  // namespace sluice::power
