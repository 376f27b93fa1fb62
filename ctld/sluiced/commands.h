// What administrators (and, for their own events, users) ask over the Unix socket: status, tail,
// replay, dead letters, reload. On the server's thread, with a connection to the journal of its
// own.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "common/config/config.h"
#include "common/journal/journal.h"
#include "ctld/sluiced/probe.h"
#include "ctld/sluiced/server.h"
#include "ctld/sluiced/stats.h"

namespace sluice::daemon {

struct CommandHooks {
  std::function<void()> requeued;       // rows came back into the queue
  std::function<std::string()> reload;  // "" or why the old configuration stays
  std::function<void()> sweep;
  std::function<void(std::shared_ptr<Probe>)> probe;
  // Power save's events (node_events.h); empty on a node.
  std::function<void(const Json&, const Caller&, const Reply&)> node_events;
  std::function<Json()> about;                                    // role, cluster, version, paths
  std::function<std::shared_ptr<const config::Config>()> config;  // the one in force
};

class Commands {
 public:
  // `journal` is null on a node.
  Commands(journal::Journal* journal, const Stats& stats, CommandHooks hooks)
      : journal_(journal), stats_(stats), hooks_(std::move(hooks)) {}

  void request(const Json& request, const Caller& caller, const Reply& reply);
  void tick();  // new events to those who follow

 private:
  struct Tail {
    Reply reply;
    journal::EventFilter filter;
    bool follow = false;
    bool live = false;  // the backlog is through, the sentinel was sent
  };

  Json status();
  void tail(const Json& request, const Caller& caller, const Reply& reply);
  bool feed(Tail& tail);
  Json replay(const Json& request);
  Json dead(const std::string& op, const Json& request);
  Json retry(const std::string& sink, int64_t seq);

  journal::Journal* journal_;
  const Stats& stats_;
  CommandHooks hooks_;
  std::list<Tail> tails_;
};

}  // namespace sluice::daemon
