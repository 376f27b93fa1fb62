// sluice node-name: what a node's boot script gives slurmd's -N. Asks slurmctld which node it
// expects at this machine's address; then the EC2 Name tag; then the host's own name.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <random>

#include "common/aws/imds.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/cli/exit_code.h"
#include "common/cli/print.h"
#include "common/power/identity.h"

namespace sluice::cli {
namespace {

struct Options {
  int64_t deadline_s = 120;
  std::vector<std::string> addresses;
  bool no_fallback = false;
};

constexpr int64_t kAskMs = 15'000;
constexpr int64_t kImdsMs = 10'000;

// Half a second to five, at random: a thousand machines may boot in the same second.
int64_t pause(int attempt) {
  static std::minstd_rand random(std::random_device{}());
  int64_t most = std::min<int64_t>(5'000, int64_t{500} << std::min(attempt, 4));
  return std::uniform_int_distribution<int64_t>(500, std::max<int64_t>(most, 501))(random);
}

// The Name tag, where the launch template lets instances see their tags.
std::string name_tag() {
  http::Client http;
  auto imds = std::make_shared<aws::Imds>(aws::real_surroundings(&http));
  if (imds->disabled()) return {};
  std::string name;
  bool answered = false;
  imds->get("/latest/meta-data/tags/instance/Name", [&](const Result<std::string>& body) {
    answered = true;
    if (body) name = std::string(text::trim(*body));
  });
  int64_t deadline = clock::mono_ms() + kImdsMs;
  while (!answered && clock::mono_ms() < deadline) http.poll(100);
  return text::is_name(name) ? name : std::string();
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return std::string(name).substr(0, std::string(name).find('.'));
}

int found(const Common& common, const std::string& name, const char* how) {
  if (common.json) {
    Json out = Json::object();
    out.set("node", Json::of(text::to_utf8(name)));
    out.set("from", Json::of(how));
    print_json(out);
  } else {
    print_line(name);
  }
  return kOk;
}

int find_name(const Common& common, const Options& o) {
  auto addresses = o.addresses.empty() ? power::own_addresses() : o.addresses;
  int64_t deadline = clock::mono_ms() + o.deadline_s * 1'000;
  std::string why = "this machine has no address but loopback's";
  bool two = false;
  for (int attempt = 0; !addresses.empty(); ++attempt) {
    int64_t left = deadline - clock::mono_ms();
    if (left <= 0) break;
    auto match = power::ask_for_nodes_at(addresses, std::min(left, kAskMs));
    if (match && match->nodes.size() == 1) return found(common, match->nodes[0], "slurmctld");
    two = match && match->nodes.size() > 1;  // an address of an earlier life passes in a moment
    why = !match ? match.error().what
          : two  ? "slurmctld expects " + match->nodes[0] + " and " + match->nodes[1] +
                      " at this machine's address; set one of them down"
                : "slurmctld expects no node that powers up at " + addresses[0];
    left = deadline - clock::mono_ms();
    if (left > 0) clock::sleep_ms(std::min(left, pause(attempt)));
  }
  if (o.no_fallback || two) return failed(common, why, kFailed);
  print_error(why + "; taking the Name tag or the host's name");
  if (std::string tag = name_tag(); !tag.empty()) return found(common, tag, "tag");
  return found(common, host_name(), "hostname");
}

}  // namespace

void add_node_name(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand(
      "node-name", "The node that this machine is to be, for slurmd -N in a boot script");
  auto o = std::make_shared<Options>();
  sub->add_option("--deadline", o->deadline_s, "Seconds to ask slurmctld before falling back")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  sub->add_option("--address", o->addresses, "In place of this machine's own addresses");
  sub->add_flag("--no-fallback", o->no_fallback, "Fail where slurmctld does not know");
  sub->callback(
      [chosen, o] { *chosen = [o](const Common& common) { return find_name(common, *o); }; });
}

}  // namespace sluice::cli
