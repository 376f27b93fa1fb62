// sluice metrics: the Prometheus text, where no one scrapes it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/cli/ask.h"

namespace sluice::cli {

void add_metrics(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand("metrics", "Counters, as Prometheus text");
  sub->callback([chosen] {
    *chosen = [](const Common& common) {
      return ask(common, request("metrics"), [](const Json& answer) {
        std::string text = answer.get("text").str();
        fwrite(text.data(), 1, text.size(), stdout);
      });
    };
  });
}

}  // namespace sluice::cli
