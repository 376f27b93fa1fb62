// sluice sweep: compare the journal with what slurmctld knows, now.
#include <CLI/CLI.hpp>

#include "common/cli/ask.h"
#include "common/cli/print.h"

namespace sluice::cli {

void add_sweep(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand("sweep", "Compare the journal with slurmctld's jobs now");
  sub->callback([chosen] {
    *chosen = [](const Common& common) {
      return ask(common, request("sweep"), [](const Json&) {
        print_line("a sweep was asked for; status shows the last one");
      });
    };
  });
}

}  // namespace sluice::cli
