// sluice node-watch: on a node that is an EC2 instance. Watches for the warning that EC2 takes it
// back, drains it in time and puts its jobs back; then its work is done.
#include <CLI/CLI.hpp>

#include "common/aws/imds.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/cli/exit_code.h"
#include "common/cli/print.h"
#include "common/power/interruptions.h"
#include "common/slurm/jobs.h"

namespace sluice::cli {
namespace {

constexpr int64_t kAskMs = 10'000;
constexpr int64_t kAgainMs = 2'000;  // after slurmctld could not be told
constexpr const char* kSpot = "/latest/meta-data/spot/instance-action";
constexpr const char* kRebalance = "/latest/meta-data/events/recommendations/rebalance";

struct Options {
  std::string node;
  int64_t every_s = 5;
  bool no_rebalance = false;
};

class Watch {
 public:
  explicit Watch(const Options& o)
      : o_(o), imds_(std::make_shared<aws::Imds>(aws::real_surroundings(&http_))) {}

  int run(const Common& common) {
    if (!text::is_name(o_.node))
      return failed(common, "--node must be this node's name, as slurmd -N has it", kUsage);
    if (imds_->disabled()) return failed(common, "AWS_EC2_METADATA_DISABLED is set", kFailed);
    slurm::init("");
    for (;;) {
      std::string what = warning();
      if (!what.empty()) return go(what);
      clock::sleep_ms(o_.every_s * 1'000);
    }
  }

 private:
  // Absent, as mostly, is 404, which is an error here.
  std::string get(const char* path) {
    std::string out;
    bool answered = false;
    imds_->get(path, [&](const Result<std::string>& body) {
      answered = true;
      if (body)
        out = *body;
      else if (!body.error().what.ends_with(": 404"))
        log::once(log::Level::warning, "node-watch", body.error().what);
    });
    int64_t deadline = clock::mono_ms() + kAskMs;
    while (!answered && clock::mono_ms() < deadline) http_.poll(100);
    if (!answered) http_.drop();
    return out;
  }

  std::string warning() {
    if (std::string spot = get(kSpot); !spot.empty()) {
      auto json = Json::parse(spot);
      return "spot instance interruption: " +
             text::printable(json ? json->get("action").str("unknown") : "unknown", 40);
    }
    if (!o_.no_rebalance && !get(kRebalance).empty()) return "rebalance recommendation";
    return {};
  }

  int go(const std::string& what) {
    for (;;) {
      auto left = power::leave({o_.node}, what);
      if (left) break;
      print_error(left.error().what);  // two minutes are left: again
      clock::sleep_ms(kAgainMs);
    }
    print_line(o_.node + " is drained: " + what);
    return kOk;
  }

  const Options& o_;
  http::Client http_;
  std::shared_ptr<aws::Imds> imds_;
};

}  // namespace

void add_node_watch(CLI::App& app, Action* chosen) {
  CLI::App* sub = app.add_subcommand(
      "node-watch", "Drain this node when EC2 warns that it takes the instance back");
  auto o = std::make_shared<Options>();
  sub->add_option("--node", o->node, "This node's name")->required();
  sub->add_option("--every", o->every_s, "Seconds between looks")
      ->check(CLI::Range(1, 60))
      ->capture_default_str();
  sub->add_flag("--no-rebalance", o->no_rebalance, "Heed interruptions alone");
  sub->callback(
      [chosen, o] { *chosen = [o](const Common& common) { return Watch(*o).run(common); }; });
}

}  // namespace sluice::cli
