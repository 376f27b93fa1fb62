// What main() and the subcommands agree on: a subcommand adds its options to the parser and, when
// it was the one given, leaves what to do. It is done after the whole command line was read, so
// that the common options may stand before or after the subcommand.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace sluice::cli {

struct Common {
  std::string socket;
  bool socket_given = false;  // by --socket or SLUICE_SOCKET, so that no configuration overrules it
  std::string config;
  bool json = false;
};

// Returns the exit code.
using Action = std::function<int(const Common&)>;

void add_status(CLI::App& app, Action* chosen);
void add_tail(CLI::App& app, Action* chosen);
void add_replay(CLI::App& app, Action* chosen);
void add_dead(CLI::App& app, Action* chosen);
void add_emit(CLI::App& app, Action* chosen);
void add_sweep(CLI::App& app, Action* chosen);
void add_reload(CLI::App& app, Action* chosen);
void add_metrics(CLI::App& app, Action* chosen);
void add_config(CLI::App& app, Action* chosen);
void add_doctor(CLI::App& app, Action* chosen);
void add_node_name(CLI::App& app, Action* chosen);
void add_node_watch(CLI::App& app, Action* chosen);
void add_nodes(CLI::App& app, Action* chosen);
void add_power(CLI::App& app, Action* chosen);

}  // namespace sluice::cli
