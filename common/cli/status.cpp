// sluice status: how sluiced and each of its sinks are doing.
#include <CLI/CLI.hpp>

#include "common/base/clock.h"
#include "common/cli/ask.h"
#include "common/cli/print.h"
#include "common/cli/table.h"

namespace sluice::cli {
namespace {

std::string number(const Json& status, const char* key) {
  return std::to_string(status.get(key).integer());
}

// "2 min ago" of an RFC 3339 time; "never" where there is none.
std::string ago(const Json& time) {
  if (!time.is_string()) return "never";
  int64_t seconds = (clock::wall_us() - clock::parse_rfc3339(time.str())) / 1'000'000;
  if (seconds < 120) return std::to_string(std::max<int64_t>(seconds, 0)) + " s ago";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min ago";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + " h ago";
  return std::to_string(seconds / 86400) + " days ago";
}

void show_controller(const Json& s) {
  print_line("slurmctld    " +
             std::string(s.get("slurm_up").boolean() ? "answers" : "DOES NOT ANSWER") +
             ", last sweep " + ago(s.get("last_sweep")));
  print_line("journal      " + s.get("journal").str() + ", " +
             bytes(s.get("journal_bytes").integer()) + ", last event " + number(s, "last_seq") +
             (s.get("journal_up").boolean() ? "" : "; CANNOT BE WRITTEN"));
  print_line("inbox        " + s.get("inbox").str() + ", " + number(s, "waiting") +
             " records wait for slurmctld or the journal");
  print_line("since start  " + number(s, "imported") + " records, " + number(s, "events") +
             " events, " + number(s, "gaps") + " gaps (" + number(s, "dropped") +
             " records dropped), " + number(s, "set_aside") + " files set aside");
  if (s.get("sinks").size() == 0) return print_line("no sinks are configured");
  Table table({"SINK", "STATE", "QUEUED", "OLDEST", "DELIVERED", "RETRIED", "DEAD", "PROBLEM"});
  for (const auto& [name, sink] : s.get("sinks").members())
    table.row({name, sink.get("state").str(), number(sink, "queued"),
               sink.get("oldest").is_string() ? ago(sink.get("oldest")) : "",
               number(sink, "delivered"), number(sink, "retried"), number(sink, "dead"),
               sink.get("problem").str()});
  std::string text = table.text();
  print_line("");
  print_line(text.substr(0, text.size() - 1));
}

void show_node(const Json& s) {
  print_line("inbox        " + s.get("inbox").str());
  print_line("since start  " + number(s, "forwarded") + " records forwarded, " + number(s, "gaps") +
             " gaps (" + number(s, "dropped") + " records dropped)");
}

void show(const Json& s) {
  bool node = s.get("role").str() == "node";
  print_line(
      "sluiced      " + s.get("version").str() + " for Slurm " + s.get("slurm").str() + ", pid " +
      number(s, "pid") + ", " +
      (node ? "node " + s.get("node").str() : "controller of cluster " + s.get("cluster").str()));
  node ? show_node(s) : show_controller(s);
}

}  // namespace

void add_status(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand("status", "How sluiced and each sink are doing");
  sub->callback([chosen] {
    *chosen = [](const Common& common) { return ask(common, request("status"), show); };
  });
}

}  // namespace sluice::cli
