// sluice power check: is the configuration of power save right, and may it do what it has to?
// sluice power policy: the least that AWS has to allow.
#include <CLI/CLI.hpp>

#include "common/base/text.h"
#include "common/cli/exit_code.h"
#include "common/cli/power_config.h"
#include "common/cli/print.h"
#include "common/power/places.h"
#include "common/power/policy.h"
#include "common/slurm/jobs.h"

namespace sluice::cli {
namespace {

struct Report {
  const Common& common;
  Json list = Json::array();
  int errors = 0;

  void add(const char* level, const std::string& what, const std::string& text) {
    if (std::string_view(level) == "error") ++errors;
    if (common.json) {
      Json one = Json::object();
      one.set("level", Json::of(level));
      one.set("what", Json::of(text::to_utf8(what)));
      one.set("text", Json::of(text::to_utf8(text)));
      list.push(one);
    } else {
      print_line(std::string(level) + ": " + what + (text.empty() ? "" : ": " + text));
    }
  }
};

const char* level_of(power::Permission::Answer answer) {
  using enum power::Permission::Answer;
  return answer == yes ? "ok" : answer == no ? "error" : "unknown";
}

void probe(const power::Config& config, const std::string& cluster, Report* report) {
  power::RealPlaces real("");
  for (const auto& partition : config.partitions)
    for (const auto& group : partition.groups) {
      if (group.provider != power::ProviderKind::ec2) continue;
      power::Order order{&group, power::make_token(), cluster, {group.prefix() + "-0"}, group.spot,
                         {}};
      real.places.at(power::place_of(group))
          .probe(order, [&](const std::vector<power::Permission>& found) {
            for (const auto& p : found)
              report->add(level_of(p.answer), group.prefix() + ": " + p.action, p.text);
          });
      real.places.settle();
    }
}

struct Options {
  bool offline = false;
  std::string cluster;
};

int check(const Common& common, const Options& o) {
  Report report{common};
  config::Problems problems;
  std::string path = power_config_path(common);
  power::Config config = power::load(path, &problems);
  for (const auto& p : problems)
    report.add(p.warning ? "warning" : "error", "configuration", p.text());
  if (report.errors == 0 && !o.offline) {
    // Policies may ask for the cluster's tag.
    if (o.cluster.empty()) slurm::init("");
    probe(config, o.cluster.empty() ? slurm::facts().cluster : o.cluster, &report);
  }
  if (common.json) {
    Json out = Json::object();
    out.set("config", Json::of(text::to_utf8(path)));
    out.set("findings", report.list);
    print_json(out);
  } else if (report.errors == 0) {
    print_line(path + ": can be used");
  }
  return report.errors == 0 ? kOk : kFailed;
}

int print_policy(const Common& common, const std::string& cluster) {
  config::Problems problems;
  power::Config config = power::load(power_config_path(common), &problems);
  for (const auto& p : problems)
    if (!p.warning) return failed(common, p.text(), kFailed);
  print_line(power::least_policy(config, cluster));
  return kOk;
}

}  // namespace

void add_power(CLI::App& app, Action* chosen) {
  CLI::App* power = app.add_subcommand("power", "Nodes that are launched and ended as needed");
  power->require_subcommand(1);
  CLI::App* sub = power->add_subcommand(
      "check", "Configuration, and with EC2's DryRun the permissions; launches nothing");
  auto o = std::make_shared<Options>();
  sub->add_flag("--offline", o->offline, "The configuration alone");
  sub->add_option("--cluster", o->cluster, "ClusterName, where slurm.conf is not here");
  sub->callback([chosen, o] { *chosen = [o](const Common& common) { return check(common, *o); }; });
  sub = power->add_subcommand("policy", "The least IAM policy that the head node needs");
  auto cluster = std::make_shared<std::string>();
  sub->add_option("--cluster", *cluster, "slurm.conf's ClusterName")->required();
  sub->callback([chosen, cluster] {
    *chosen = [cluster](const Common& common) { return print_policy(common, *cluster); };
  });
}

}  // namespace sluice::cli
