// sluice config check: every fault of a configuration file at once, before sluiced meets it.
#include <CLI/CLI.hpp>
#include <memory>

#include "common/cli/exit_code.h"
#include "common/cli/print.h"
#include "common/config/config.h"

namespace sluice::cli {
namespace {

Json as_json(const config::Problem& p) {
  Json out = Json::object();
  out.set("severity", Json::of(p.warning ? "warning" : "error"));
  out.set("path", Json::of(p.path));
  out.set("value", p.value.empty() ? Json() : Json::of(p.value));
  out.set("allowed", Json::of(p.allowed));
  return out;
}

int check(const Common& common, const std::string& path, const std::string& role) {
  config::Problems problems;
  auto config = config::load(path, config::role_named(role), &problems);
  bool good = config::usable(problems);
  if (common.json) {
    Json list = Json::array();
    for (const auto& p : problems) list.push(as_json(p));
    Json out = Json::object();
    out.set("file", Json::of(path));
    out.set("role", Json::of(role));
    out.set("usable", Json::of(good));
    out.set("problems", list);
    print_json(out);
    return good ? kOk : kFailed;
  }
  for (const auto& p : problems)
    print_line(path + ": " + (p.warning ? "warning: " : "") + p.text());
  if (good)
    print_line(path + ": usable for the " + role + " role, " + std::to_string(config.sinks.size()) +
               " sinks, " + std::to_string(config.routes.size()) + " routes");
  return good ? kOk : kFailed;
}

}  // namespace

void add_config(CLI::App& app, Action* chosen) {
  struct Options {
    std::string path;
    std::string role = "controller";
  };
  auto o = std::make_shared<Options>();
  CLI::App* config = app.add_subcommand("config", "The configuration file");
  config->require_subcommand(1);
  CLI::App* sub = config->add_subcommand("check", "Print every fault in it");
  sub->add_option("path", o->path, "The file; without it, --config's")->type_name("PATH");
  sub->add_option("--role", o->role, "The sluiced that is to use it")
      ->check(CLI::IsMember({"controller", "node"}))
      ->capture_default_str();
  sub->callback([o, chosen] {
    *chosen = [o](const Common& common) {
      std::string path = o->path.empty() ? common.config : o->path;
      return check(common, path.empty() ? config::default_path(config::role_named(o->role)) : path,
                   o->role);
    };
  });
}

}  // namespace sluice::cli
