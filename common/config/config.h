// sluice.json: what the administrator says, checked as a whole before any of it is used.
// docs/configuration.md describes every key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/config/fields.h"
#include "common/json/json.h"
#include "common/pattern/pattern.h"

namespace sluice::config {

constexpr const char* kDefaultSocket = "/run/sluice/sluice.sock";

enum class Role { controller, node };

constexpr const char* default_path(Role role) {
  return role == Role::node ? "/etc/sluice/node.json" : "/etc/sluice/sluice.json";
}
constexpr Role role_named(std::string_view name) {
  return name == "node" ? Role::node : Role::controller;
}

// Who may name a sink with --event-sink. An empty list allows everybody; several lists must all
// be satisfied.
struct Allow {
  std::vector<std::string> users, groups, accounts, partitions;
};

struct SinkConfig {
  std::string name;
  bool named_by_users = true;  // "public": false keeps it for routes and partitions
  Allow allow;
  int64_t give_up_hours = 72;  // a retried event older than this becomes a dead letter
  // What make_sink reads, as JSON text: each courier parses its own, since a Json is used by one
  // thread at a time.
  std::string settings;
  std::string type;
};

struct RouteConfig {
  std::string name;
  pattern::Pattern pattern;
  std::vector<std::string> sinks;
};

struct Config {
  std::string path;
  std::string cluster;     // empty: slurm.conf's ClusterName
  std::string slurm_conf;  // empty: Slurm's own choice
  std::string inbox = "/run/sluice/inbox";
  std::string journal = "/var/lib/sluice/journal.db";
  int64_t retain_hours = 168;
  int64_t max_journal_mib = 4096;
  std::string socket = kDefaultSocket;
  std::string public_sinks = "/run/sluice/sinks";
  std::string metrics;                   // "127.0.0.1:9401", "unix:/path" or empty: none
  std::string listen;                    // controller: "address:port" for nodes, or empty
  std::vector<std::string> controllers;  // node: "host:port", primary first
  std::string munge_socket;              // empty: munge's own default
  std::string node_name;                 // node: default the host's short name
  std::string admin_group = "sluice-admin";
  std::string log_level = "info";
  int64_t slurm_wait_s = 10;  // how long a record waits for Slurm's answer
  int64_t sweep_s = 0;        // 0: a third of MinJobAge
  int64_t emit_max_bytes = 65536;
  int64_t emit_burst = 100;
  int64_t emit_per_minute = 600;
  std::map<std::string, SinkConfig> sinks;
  std::vector<RouteConfig> routes;
  std::map<std::string, std::string> partitions;  // partition: selection, as --event-sink's
};

// Reads and checks the file. Everything found is in `problems`; the result is usable if none of
// them is an error. Does not touch the network. Sinks are made once to check them.
Config load(const std::string& path, Role role, Problems* problems);
// The same for a text that is already read; `path` is only for messages.
Config parse(std::string_view text, const std::string& path, Role role, Problems* problems);

}  // namespace sluice::config
