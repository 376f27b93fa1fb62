#include "ctld/sluiced/node_events.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/event/types.h"
#include "common/slurm/jobs.h"

namespace sluice::daemon {
namespace {

constexpr size_t kMostEvents = 500;
constexpr size_t kMostId = 200;
constexpr size_t kMostData = 16U << 10;

// Why it cannot be taken, or "".
std::string read_event(const Json& event, inbox::RawRecord* out) {
  std::string type = event.get("type").str();
  std::string node = event.get("node").str();
  out->id = event.get("id").str();
  out->wall_us = clock::parse_rfc3339(event.get("time").str());
  if (!event::is_node_type(type))
    return "type " + json_quote(text::printable(type)) + " is none of slurm.node.*";
  if (!text::is_name(node))
    return "node " + json_quote(text::printable(node)) + " is no node's name";
  if (out->id.empty() || out->id.size() > kMostId) return "id must have 1 to 200 characters";
  if (out->wall_us < 0) return "time must be an RFC 3339 time";
  if (!event.get("data").is_object()) return "data must be an object";
  std::string data = event.get("data").dump();
  if (data.size() > kMostData) return "data has more than 16 KiB";
  out->kind = kCloudKind;
  out->fields["@type"] = type;
  out->fields["@node"] = node;
  out->fields["@data"] = std::move(data);
  return {};
}

}  // namespace

void take_node_events(const Json& request, const Caller& caller, Intake& intake,
                      const Reply& reply) {
  if (!caller.admin && caller.uid != slurm::facts().slurm_uid)
    return reply.answer(problem("user " + std::to_string(caller.uid) +
                                " may not tell of nodes: only SlurmUser, root and members of the "
                                "admin group may"));
  const Json list = request.get("events");
  if (!list.is_array() || list.size() > kMostEvents)
    return reply.answer(problem("events must be an array of at most 500"));
  // One that can never be taken must not keep the others back.
  std::vector<inbox::RawRecord> records;
  Json refused = Json::array();
  for (size_t i = 0; i < list.size(); ++i) {
    inbox::RawRecord record;
    std::string why = read_event(list.at(i), &record);
    if (why.empty()) {
      records.push_back(std::move(record));
      continue;
    }
    refused.push(Json::of("events[" + std::to_string(i) + "]: " + why));
    log::warning("an event of a node is refused: " + why);
  }
  size_t taken = records.size();
  intake.submit(std::move(records), [reply, refused, n = taken](const Commit& commit) {
    if (!commit.why.empty()) return reply.answer(problem(commit.why));
    Json out = Json::object();
    out.set("taken", Json::of(static_cast<int64_t>(n)));
    out.set("refused", refused);
    reply.answer(out);
  });
}

}  // namespace sluice::daemon
