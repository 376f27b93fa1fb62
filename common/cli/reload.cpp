// sluice reload: sluiced reads its configuration again, and keeps the old one if it is bad.
#include <CLI/CLI.hpp>

#include "common/cli/ask.h"
#include "common/cli/print.h"

namespace sluice::cli {

void add_reload(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand("reload", "Let sluiced read its configuration again");
  sub->callback([chosen] {
    *chosen = [](const Common& common) {
      return ask(common, request("reload"),
                 [](const Json&) { print_line("the configuration was reloaded"); });
    };
  });
}

}  // namespace sluice::cli
