// sluice tail: what happened, a sentinel, and with --follow what happens.
//
// While it follows, a sluiced that goes away is waited for and asked for what came after the last
// event seen, so a restart loses and repeats nothing. SIGINT and SIGTERM end it with exit code 0.
#include <poll.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>

#include "common/base/fd.h"
#include "common/cli/ask.h"
#include "common/cli/event_line.h"
#include "common/cli/exit_code.h"
#include "common/cli/filter.h"
#include "common/cli/print.h"

namespace sluice::cli {
namespace {

constexpr int64_t kDefaultLast = 10;
constexpr int kAgainMs = 500;  // between tries to reach a sluiced that went away

Fd stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Tail {
 public:
  Tail(const Common& common, Json request, bool follow)
      : common_(common), request_(std::move(request)), follow_(follow), stop_(stop_signals()) {}

  int run() {
    for (;;) {
      auto connection = client::Connection::open(common_.socket);
      auto end = connection ? read(*connection) : std::unexpected(connection.error());
      if (end) return *end;
      client::Fault fault = end.error().fault;
      if (fault == client::Fault::stopped) return kOk;
      bool gone = fault == client::Fault::lost || fault == client::Fault::unreachable;
      if (!follow_ || !seen_ || !gone) return failed(common_, end.error().what, exit_code(fault));
      if (!lost_) print_error(end.error().what + "; waiting for it");
      lost_ = true;
      pollfd stop{stop_.get(), POLLIN, 0};
      if (::poll(&stop, 1, kAgainMs) > 0) return kOk;
      again_from_last();
    }
  }

 private:
  // Until the answer or the connection ends. The exit code, or why there is none yet.
  client::Outcome<int> read(client::Connection& connection) {
    if (auto sent = connection.send(request_); !sent) return std::unexpected(sent.error());
    for (;;) {
      auto line = connection.receive(
          client::Deadline(live_ ? client::kForever : client::kTimeoutMs), stop_.get());
      if (!line) return std::unexpected(line.error());
      if (line->has("error")) return failed(common_, line->get("error").str(), kFailed);
      if (lost_) print_error("sluiced at " + common_.socket + " answers again");
      lost_ = false;
      seen_ = true;
      if (line->has("sentinel")) {
        sentinel(*line);
        if (!follow_) return kOk;
      } else {
        last_ = line->get("seq").integer();
        show(*line);
      }
    }
  }

  void show(const Json& line) const {
    if (common_.json) return print_json(line);
    print_line(event_line(line.get("event")));
    fflush(stdout);
  }

  // Once, however often the connection is made anew.
  void sentinel(const Json& line) {
    last_ = std::max(last_, line.get("sentinel").integer());
    if (live_) return;
    live_ = true;
    if (common_.json) return print_json(line);
    if (!follow_) return;
    print_line("--- the journal ends here, at event " + std::to_string(last_) +
               "; what follows is new ---");
    fflush(stdout);
  }

  void again_from_last() {
    request_.remove("last");
    request_.set("after", Json::of(last_));
  }

  const Common& common_;
  Json request_;
  bool follow_;
  Fd stop_;
  int64_t last_ = 0;   // the journal's order, as far as it was seen
  bool seen_ = false;  // sluiced has answered
  bool live_ = false;  // the sentinel came
  bool lost_ = false;  // the connection is gone
};

}  // namespace

void add_tail(CLI::App& app, Action* chosen) {
  struct Options {
    Filter filter;
    int64_t last = -1;
    bool follow = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("tail",
                                     "Show events; without --last, --since, --after or "
                                     "--job the last 10 (users see their own jobs')");
  o->filter.add_options(*sub);
  sub->add_option("--last", o->last, "The last N of them")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000}));
  sub->add_flag("-f,--follow", o->follow, "Go on with new events as they come");
  sub->callback([o, chosen] {
    *chosen = [o](const Common& common) {
      const Filter& f = o->filter;
      Json r = request("tail");
      if (auto good = f.into(&r); !good) return failed(common, good.error().what, kUsage);
      bool whole = f.job != 0 || !f.since.empty() || f.after > 0;
      int64_t last = o->last < 0 && !whole ? kDefaultLast : o->last;
      if (last >= 0) r.set("last", Json::of(last));
      if (o->follow) r.set("follow", Json::of(true));
      return Tail(common, r, o->follow).run();
    };
  });
}

}  // namespace sluice::cli
