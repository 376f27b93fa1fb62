// sluice: the command of users and administrators. Reads the command line, runs one subcommand.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "common/cli/command.h"
#include "common/cli/exit_code.h"
#include "common/cli/print.h"
#include "common/config/config.h"

namespace {

using namespace sluice;
using namespace sluice::cli;

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 refused, failed, or a check found an error; 2 usage; 3 no sluiced\n"
    "answers; 4 emit: kept on this node, not yet in the controller's journal. See sluice(1).";

// Options of `app` are known to its subcommands too, however deep.
void let_fall_through(CLI::App& app) {
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    sub->fallthrough();
    let_fall_through(*sub);
  }
}

int run(int argc, char** argv) {
  CLI::App app{"Sluice makes Slurm event-driven; this command talks to its daemon, sluiced"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("sluice " SLUICE_VERSION));
  Common common{config::kDefaultSocket, false, {}, false};
  CLI::Option* socket = app.add_option("--socket", common.socket, "sluiced's Unix socket")
                            ->envname("SLUICE_SOCKET")
                            ->type_name("PATH")
                            ->capture_default_str();
  app.add_option("--config", common.config,
                 "Configuration file, for config check and doctor "
                 "[/etc/sluice/sluice.json, with --role node /etc/sluice/node.json]")
      ->type_name("PATH");
  app.add_flag("--json", common.json, "JSON on standard output, for programs");
  Action chosen;
  for (auto add :
       {add_status, add_tail, add_replay, add_dead, add_emit, add_sweep, add_reload, add_metrics,
        add_config, add_doctor, add_nodes, add_power, add_node_name, add_node_watch})
    add(app, &chosen);
  app.require_subcommand(1);
  let_fall_through(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  common.socket_given = socket->count() > 0;
  return chosen(common);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_DFL);  // `sluice tail | head` ends as it should
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    print_error(std::string("internal error: ") + e.what());
    return kFailed;
  }
}
