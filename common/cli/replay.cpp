// sluice replay: past events once more to a sink, one that was added or had lost them.
#include <CLI/CLI.hpp>
#include <memory>

#include "common/cli/ask.h"
#include "common/cli/exit_code.h"
#include "common/cli/filter.h"
#include "common/cli/print.h"

namespace sluice::cli {

void add_replay(CLI::App& app, Action* chosen) {
  struct Options {
    std::string sink;
    Filter filter;
  };
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("replay", "Send past events to a sink again");
  sub->add_option("sink", o->sink, "The sink's name")->type_name("SINK")->required();
  o->filter.add_options(*sub);
  sub->callback([o, chosen] {
    *chosen = [o](const Common& common) {
      Json r = request("replay");
      r.set("sink", Json::of(o->sink));
      if (auto good = o->filter.into(&r); !good) return failed(common, good.error().what, kUsage);
      return ask(common, r, [&](const Json& answer) {
        print_line(std::to_string(answer.get("replayed").integer()) + " events queued for sink " +
                   o->sink);
      });
    };
  });
}

}  // namespace sluice::cli
