// sluice dead: events that a sink would not take, or that it may not be sent.
#include <CLI/CLI.hpp>
#include <memory>

#include "common/cli/ask.h"
#include "common/cli/print.h"
#include "common/cli/table.h"

namespace sluice::cli {
namespace {

struct Options {
  std::string sink;
  int64_t seq = 0;
  bool all = false;

  Json request(const char* op) const {
    Json r = cli::request(op);
    if (!sink.empty()) r.set("sink", Json::of(sink));
    if (seq > 0) r.set("seq", Json::of(seq));
    if (all) r.set("all", Json::of(true));
    return r;
  }
};

void show(const Json& answer) {
  Json list = answer.get("dead");
  if (list.size() == 0) return print_line("no dead letters");
  Table table({"SEQ", "SINK", "TYPE", "SUBJECT", "SINCE", "TRIES", "REASON"});
  for (size_t i = 0; i < list.size(); ++i) {
    Json d = list.at(i);
    table.row({std::to_string(d.get("seq").integer()), d.get("sink").str(), d.get("type").str(),
               d.get("subject").str(), d.get("time").str().substr(0, 19) + "Z",
               std::to_string(d.get("attempts").integer()), d.get("reason").str()});
  }
  std::string text = table.text();
  print_line(text.substr(0, text.size() - 1));
}

// retry or drop: which letters must be said.
void add_change(CLI::App& dead, Action* chosen, const char* name, const char* help, const char* op,
                const char* key) {
  auto o = std::make_shared<Options>();
  CLI::App* sub = dead.add_subcommand(name, help);
  auto* sink = sub->add_option("--sink", o->sink, "Those of this sink")->type_name("NAME");
  auto* seq = sub->add_option("--seq", o->seq, "That of this event")
                  ->type_name("SEQ")
                  ->check(CLI::PositiveNumber);
  auto* all = sub->add_flag("--all", o->all, "All of them");
  all->excludes(sink)->excludes(seq);
  sub->callback([=] {
    if (o->sink.empty() && o->seq == 0 && !o->all)
      throw CLI::ValidationError(name, "say which: --sink NAME, --seq SEQ or --all");
    *chosen = [=](const Common& common) {
      return ask(common, o->request(op), [key](const Json& answer) {
        print_line(std::to_string(answer.get(key).integer()) + " dead letters " + key);
        if (int64_t n = answer.get("refused").integer(); n > 0)
          print_line(std::to_string(n) +
                     " were refused and stay; name one with --seq to send it all the same");
        if (int64_t n = answer.get("unconfigured").integer(); n > 0)
          print_line(std::to_string(n) + " are for sinks that are not configured, and stay");
      });
    };
  });
}

}  // namespace

void add_dead(CLI::App& app, Action* chosen) {
  CLI::App* dead = app.add_subcommand("dead", "Dead letters: events that a sink did not get");
  dead->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* list = dead->add_subcommand("list", "Show them, with the reason");
  list->add_option("--sink", o->sink, "Those of this sink")->type_name("NAME");
  list->callback([o, chosen] {
    *chosen = [o](const Common& common) { return ask(common, o->request("dead.list"), show); };
  });
  add_change(*dead, chosen, "retry", "Queue them again", "dead.retry", "retried");
  add_change(*dead, chosen, "drop", "Forget them", "dead.drop", "dropped");
}

}  // namespace sluice::cli
