// sluice emit: an event of the job that this command runs in.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "common/cli/ask.h"
#include "common/cli/exit_code.h"
#include "common/cli/print.h"

namespace sluice::cli {
namespace {

// Standard input, as far as it can be sent at all.
std::string standard_input() {
  std::string out;
  char buf[65536];
  size_t n = 0;
  while (out.size() <= client::kMaxRequest && (n = fread(buf, 1, sizeof buf, stdin)) > 0)
    out.append(buf, n);
  return out;
}

int emit(const Common& common, const std::string& type, std::string data) {
  Json r = request("emit");
  r.set("type", Json::of(type));
  if (data == "-") data = standard_input();
  if (!data.empty()) {
    auto value = Json::parse(data, false, client::kMaxDepth);
    if (!value)
      return failed(common,
                    "DATA is no JSON: " + value.error().what +
                        "; a text needs quotes of its own, as in '\"text\"'",
                    kUsage);
    r.set("data", *value);
  }
  auto told = answer(common, r);
  if (!told) return told.error();
  bool committed = told->get("committed").boolean();
  std::string job = "job " + std::to_string(told->get("job_id").integer());
  if (common.json)
    print_json(*told);
  else if (committed)
    print_line(type + " of " + job + " is in the controller's journal");
  else
    print_error(type + " of " + job + ": " + told->get("note").str());
  return committed ? kOk : kKept;
}

}  // namespace

void add_emit(CLI::App& app, Action* chosen) {
  struct Options {
    std::string type;
    std::string data;
  };
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("emit", "Emit an event, from inside a job");
  sub->add_option("type", o->type, "user.NAME")->type_name("TYPE")->required();
  sub->add_option("data", o->data, "A JSON value, or - to read it from standard input")
      ->type_name("DATA");
  sub->callback([o, chosen] {
    *chosen = [o](const Common& common) { return emit(common, o->type, o->data); };
  });
}

}  // namespace sluice::cli
