// sluice nodes: the nodes that power save makes and ends, as slurmctld and the record know them.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/cli/exit_code.h"
#include "common/cli/power_config.h"
#include "common/cli/print.h"
#include "common/cli/table.h"
#include "common/power/names.h"
#include "common/power/record.h"
#include "common/slurm/jobs.h"
#include "common/slurm/nodes.h"

namespace sluice::cli {
namespace {

struct Known {
  std::map<std::string, power::Node> nodes;
  std::map<std::string, std::string> errors;
  std::string missing;  // why there is none of it
};

Known read_record(const std::string& state) {
  Known out;
  std::string path = state + "/power.db";
  // Opening would make one.
  if (::access(path.c_str(), R_OK | W_OK) != 0) {
    out.missing = path + ": " + strerror(errno) + "; SlurmUser and root see instances too";
    return out;
  }
  auto record = power::Record::open(state);
  if (!record) {
    out.missing = record.error().what;
    return out;
  }
  try {
    for (auto& node : record->nodes()) out.nodes.emplace(node.name, std::move(node));
    for (auto& [node, text] : record->errors()) out.errors.emplace(node, std::move(text));
  } catch (const journal::DbError& e) {
    out.missing = e.what;
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : "+") + word;
  return out;
}

Json or_null(const std::string& s) {
  return s.empty() ? Json() : Json::of(text::to_utf8(s));
}

Json json_of(const slurm::NodeInfo& n, const power::Node* row, const std::string& error) {
  Json out = Json::object();
  out.set("node", or_null(n.name));
  Json states = Json::array();
  for (const auto& state : n.state) states.push(Json::of(state));
  out.set("state", states);
  out.set("reason", or_null(n.reason));
  bool there = row != nullptr && row->stage != power::Stage::launching;
  out.set("group", row != nullptr ? or_null(row->group) : Json());
  out.set("launch_id", row != nullptr ? or_null(row->token) : Json());
  out.set("instance_id", there ? or_null(row->machine.id) : Json());
  out.set("instance_type", there ? or_null(row->machine.type) : Json());
  out.set("zone", there ? or_null(row->machine.zone) : Json());
  out.set("market", !there || row->machine.type.empty()
                        ? Json()
                        : Json::of(row->machine.spot ? "spot" : "on-demand"));
  out.set("address", there ? or_null(row->machine.address) : Json());
  out.set("launched", row != nullptr ? Json::of(clock::rfc3339(row->since_us)) : Json());
  out.set("ready", there && row->ready_us > 0 ? Json::of(clock::rfc3339(row->ready_us)) : Json());
  out.set("error", or_null(error));
  return out;
}

std::string age_of(const power::Node* row) {
  if (row == nullptr) return {};
  int64_t s = std::max<int64_t>((clock::wall_us() - row->since_us) / 1'000'000, 0);
  if (s < 120) return std::to_string(s) + "s";
  if (s < 7200) return std::to_string(s / 60) + "m";
  if (s < 172'800) return std::to_string(s / 3600) + "h";
  return std::to_string(s / 86400) + "d";
}

int show_nodes(const Common& common, bool all) {
  config::Problems problems;
  std::string path = power_config_path(common);
  power::Config config = power::load(path, &problems);
  for (const auto& p : problems)
    if (!p.warning) return failed(common, p.text(), kFailed);
  slurm::init("");
  auto nodes = slurm::load_nodes();
  if (!nodes) return failed(common, nodes.error().what, kFailed);
  Known known = read_record(config.state);
  Json list = Json::array();
  Table table({"NODE", "STATE", "INSTANCE", "TYPE", "ZONE", "AGE", "LAST ERROR"});
  for (const slurm::NodeInfo& n : *nodes) {
    if (power::group_of(config, n.name) == nullptr) continue;
    auto it = known.nodes.find(n.name);
    const power::Node* row = it == known.nodes.end() ? nullptr : &it->second;
    auto error = known.errors.find(n.name);
    std::string why = error == known.errors.end() ? "" : error->second;
    if (!all && row == nullptr && why.empty() && n.powered_down && !n.down && !n.draining) continue;
    list.push(json_of(n, row, why));
    power::Machine none;
    const power::Machine& m = row == nullptr ? none : row->machine;
    table.row({n.name, joined(n.state), m.id, m.type, m.zone, age_of(row), why});
  }
  if (common.json) {
    Json out = Json::object();
    out.set("nodes", list);
    if (!known.missing.empty()) out.set("note", Json::of(text::to_utf8(known.missing)));
    print_json(out);
    return kOk;
  }
  if (!known.missing.empty()) print_error(known.missing);
  if (list.size() == 0) {
    print_line("every node is powered down");
    return kOk;
  }
  std::string text = table.text();
  print_line(text.substr(0, text.size() - 1));
  return kOk;
}

}  // namespace

void add_nodes(CLI::App& app, Action* chosen) {
  CLI::App* sub =
      app.add_subcommand("nodes", "Nodes that power save makes: state, instance, last error");
  auto all = std::make_shared<bool>(false);
  sub->add_flag("--all", *all, "Those that are simply powered down, too");
  sub->callback([chosen, all] {
    *chosen = [all](const Common& common) { return show_nodes(common, *all); };
  });
}

}  // namespace sluice::cli
