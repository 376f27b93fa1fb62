#include "common/power/notices.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/client/connection.h"
#include "common/event/types.h"

namespace sluice::power {
namespace {

constexpr size_t kAtOnce = 200;
constexpr int kPatienceMs = 2'000;

void set(Json* out, const char* key, const std::string& value) {
  out->set(key, value.empty() ? Json() : Json::of(text::to_utf8(value)));
}

Json node_json(const Node& n) {
  Json out = Json::object();
  set(&out, "name", n.name);
  set(&out, "group", n.group);
  set(&out, "partition", n.group.substr(0, n.group.find('-')));
  out.set("provider", Json::of(n.place.provider == ProviderKind::ec2 ? "ec2" : "process"));
  set(&out, "region", n.place.region);
  set(&out, "instance_id", n.machine.id);
  set(&out, "instance_type", n.machine.type);
  set(&out, "zone", n.machine.zone);
  bool ec2 = n.place.provider == ProviderKind::ec2 && !n.machine.id.empty();
  set(&out, "market", !ec2 ? "" : n.machine.spot ? "spot" : "on-demand");
  set(&out, "address", n.machine.address);
  set(&out, "launch_id", n.token);
  out.set("launched", n.since_us > 0 ? Json::of(clock::rfc3339(n.since_us)) : Json());
  out.set("boot_seconds",
          n.ready_us > 0 ? Json::of((n.ready_us - n.since_us) / 1'000'000) : Json());
  return out;
}

}  // namespace

void tell_of(Session& session, const char* type, const Node& node, const std::string& reason) {
  Notice notice;
  notice.type = type;
  notice.node = node.name;
  notice.id = node.token + "." + node.machine.id + "." + node.name;
  notice.time_us = clock::wall_us();
  Json data = Json::object();
  data.set("node", node_json(node));
  set(&data, "reason", reason);
  notice.data = data.dump();
  session.record.add(notice);
}

void end_node(Session& session, const Node& node, const char* type, const std::string& reason) {
  int64_t now = clock::wall_us();
  session.record.add(Ending{node.machine.id, node.place, node.name, now});
  session.record.forget(node.name);
  session.record.count("machine_seconds", node.group, node.machine.spot ? "spot" : "on-demand",
                       std::max<int64_t>((now - node.since_us) / 1'000'000, 0));
  tell_of(session, type, node, reason);
}

void hand_over(Record& record, const std::string& socket) {
  if (socket.empty()) return;
  client::Deadline deadline(kPatienceMs);
  std::optional<client::Connection> connection;
  while (deadline.left() > 0) {
    auto notices = record.notices(kAtOnce);
    if (notices.empty()) return;
    if (!connection) {
      auto opened = client::Connection::open(socket, deadline);
      if (!opened) return;  // they wait: sluiced may not be there yet
      connection.emplace(std::move(*opened));
    }
    Json list = Json::array();
    for (const Notice& n : notices) {
      Json one = Json::object();
      one.set("type", Json::of(n.type));
      one.set("id", Json::of(n.id));
      one.set("node", Json::of(n.node));
      one.set("time", Json::of(clock::rfc3339(n.time_us)));
      auto data = Json::parse(n.data);
      one.set("data", data ? *data : Json::object());
      list.push(one);
    }
    Json request = Json::object();
    request.set("op", Json::of("node.events"));
    request.set("events", list);
    auto answer = connection->ask(request, deadline);
    if (!answer || answer->has("error")) {
      log::once(
          log::Level::warning, "power.events",
          "events of nodes wait: " + (answer ? answer->get("error").str() : answer.error().what));
      return;
    }
    fault::point("power.handed_over");
    record.taken(notices.back().seq);
    log::clear("power.events", "events of nodes are taken again");
  }
}

}  // namespace sluice::power
