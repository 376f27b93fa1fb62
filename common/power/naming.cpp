#include "common/power/naming.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/power/names.h"

namespace sluice::power {
namespace {

constexpr size_t kAtOnce = 10;  // calls under way; EC2 lets an account tag some 20 a second
constexpr size_t kMostValue = 256;

std::string replaced(std::string value, const Node& node) {
  const std::pair<std::string_view, const std::string&> known[] = {
      {"{ip_address}", node.machine.address},
      {"{node_name}", node.name},
      {"{hostname}", node.machine.hostname}};
  for (const auto& [what, by] : known)
    for (size_t at = value.find(what); at != value.npos; at = value.find(what, at + by.size()))
      value.replace(at, what.size(), by);
  return value.substr(0, kMostValue);
}

}  // namespace

Tags tags_of(const Node& node, const Group* group) {
  Tags out{{"Name", node.name}};
  if (group == nullptr) return out;
  for (const auto& [key, value] : group->tags) {
    if (key == "Name")
      out[0].second = replaced(value, node);
    else if (value.find('{') != value.npos)
      out.emplace_back(key, replaced(value, node));
  }
  return out;
}

size_t name_machines(Session& session, size_t most) {
  std::vector<Node> open;
  for (Node& node : session.record.nodes())
    if (node.stage == Stage::told && !node.named) open.push_back(std::move(node));
  size_t done = 0;
  while (done < open.size() && done < most) {
    std::vector<std::string> named;
    size_t end = std::min({open.size(), most, done + kAtOnce});
    for (size_t i = done; i < end; ++i) {
      const Node& node = open[i];
      session.places.at(node.place)
          .tag(node.machine.id, tags_of(node, group_of(session.config, node.name)),
               [&named, &node](const std::optional<Refusal>& refused) {
                 if (refused && refused->cause != Cause::configuration)
                   log::once(log::Level::warning, "power.tag",
                             "cannot tag " + node.machine.id + ": " + refused->code + ": " +
                                 refused->text);
                 else  // one that cannot be tagged never will: it is gone, or the tags are wrong
                   named.push_back(node.name);
               });
    }
    session.places.settle();
    done = end;
    journal::Transaction t(session.record.db());
    for (const auto& name : named)
      if (auto now = session.record.node(name); now && !now->named) {
        now->named = true;
        session.record.put(*now);
      }
    t.commit();
    if (named.empty()) break;  // later
  }
  return open.size() - std::min(done, open.size());
}

}  // namespace sluice::power
