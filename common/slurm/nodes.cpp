#include "common/slurm/nodes.h"

#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/base/text.h"

extern "C" {
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
}

namespace sluice::slurm {
namespace {

std::string str(const char* s) {
  return s == nullptr ? std::string() : std::string(s);
}

std::vector<std::string> state_names(uint32_t state) {
  static constexpr const char* kBase[] = {"UNKNOWN", "DOWN",  "IDLE",  "ALLOCATED",
                                          "ERROR",   "MIXED", "FUTURE"};
  uint32_t base = state & NODE_STATE_BASE;
  std::vector<std::string> out{base < NODE_STATE_END ? kBase[base] : "INVALID"};
  for (auto [bit, name] : {std::pair<uint32_t, const char*>{NODE_STATE_CLOUD, "CLOUD"},
                           {NODE_STATE_POWERED_DOWN, "POWERED_DOWN"},
                           {NODE_STATE_POWERING_UP, "POWERING_UP"},
                           {NODE_STATE_POWERING_DOWN, "POWERING_DOWN"},
                           {NODE_STATE_POWER_UP, "POWER_UP"},
                           {NODE_STATE_POWER_DOWN, "POWER_DOWN"},
                           {NODE_STATE_DRAIN, "DRAIN"},
                           {NODE_STATE_COMPLETING, "COMPLETING"},
                           {NODE_STATE_NO_RESPOND, "NOT_RESPONDING"},
                           {NODE_STATE_FAIL, "FAIL"},
                           {NODE_STATE_MAINT, "MAINTENANCE"},
                           {NODE_STATE_RES, "RESERVED"},
                           {NODE_STATE_REBOOT_REQUESTED, "REBOOT_REQUESTED"},
                           {NODE_STATE_PLANNED, "PLANNED"},
                           {NODE_STATE_INVALID_REG, "INVALID_REG"}})
    if ((state & bit) != 0) out.emplace_back(name);
  return out;
}

NodeInfo convert(const node_info_t& n) {
  NodeInfo out;
  out.name = str(n.name);
  out.address = str(n.node_addr);
  out.hostname = str(n.node_hostname);
  out.reason = str(n.reason);
  out.state = state_names(n.node_state);
  out.port = n.port;
  out.boot_time = n.boot_time;
  out.slurmd_start_time = n.slurmd_start_time;
  out.last_busy = n.last_busy;
  out.reason_time = n.reason_time;
  out.reason_uid = n.reason_uid;
  uint32_t base = n.node_state & NODE_STATE_BASE;
  auto has = [&](uint32_t bit) { return (n.node_state & bit) != 0; };
  out.down = base == NODE_STATE_DOWN;
  out.idle = base == NODE_STATE_IDLE;
  out.allocated = base == NODE_STATE_ALLOCATED || base == NODE_STATE_MIXED;
  out.cloud = has(NODE_STATE_CLOUD);
  out.draining = has(NODE_STATE_DRAIN);
  out.completing = has(NODE_STATE_COMPLETING);
  out.failing = has(NODE_STATE_FAIL);
  out.not_responding = has(NODE_STATE_NO_RESPOND);
  out.powered_down = has(NODE_STATE_POWERED_DOWN);
  out.powering_up = has(NODE_STATE_POWERING_UP);
  out.powering_down = has(NODE_STATE_POWERING_DOWN);
  out.power_down_asked = has(NODE_STATE_POWER_DOWN);
  return out;
}

struct FreeNodes {
  void operator()(node_info_msg_t* m) const { slurm_free_node_info_msg(m); }
};

// A host list of libslurm: a pointer, whose type has had two names.
using Hostlist = decltype(slurm_hostlist_create(nullptr));
struct FreeHostlist {
  void operator()(std::remove_pointer_t<Hostlist>* list) const { slurm_hostlist_destroy(list); }
};
using HostlistPtr = std::unique_ptr<std::remove_pointer_t<Hostlist>, FreeHostlist>;

Result<void> update(update_node_msg_t* message, size_t count, const char* what) {
  if (slurm_update_node(message) == SLURM_SUCCESS) return {};
  int err = errno;
  std::string tried = "slurm_update_node (";
  tried += what;
  tried += " of " + std::to_string(count) + " nodes, " + text::printable(message->node_names, 80) +
           "): ";
  return fail(tried + slurm_strerror(err));
}

// Since 26.05 slurmctld knows by itself who says it.
template <class Message>
void set_reason_uid(Message* message) {
  if constexpr (requires { message->reason_uid; }) message->reason_uid = getuid();
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

}  // namespace

Result<std::vector<NodeInfo>> load_nodes() {
  node_info_msg_t* raw = nullptr;
  int rc = slurm_load_node(0, &raw, SHOW_ALL);
  int err = errno;
  std::unique_ptr<node_info_msg_t, FreeNodes> message(raw);
  if (rc != SLURM_SUCCESS || message == nullptr)
    return fail(std::string("slurm_load_node: ") + slurm_strerror(err));
  std::vector<NodeInfo> out;
  out.reserve(message->record_count);
  for (uint32_t i = 0; i < message->record_count; ++i)
    if (message->node_array[i].name != nullptr) out.push_back(convert(message->node_array[i]));
  return out;
}

Result<void> set_addresses(const std::vector<NodeAddress>& nodes) {
  if (nodes.empty()) return {};
  std::vector<std::string> names, addresses, hostnames;
  for (const NodeAddress& n : nodes) {
    names.push_back(n.node);
    addresses.push_back(n.address);
    hostnames.push_back(n.hostname);
  }
  std::string name = joined(names), address = joined(addresses), hostname = joined(hostnames);
  update_node_msg_t message;
  slurm_init_update_node_msg(&message);
  message.node_names = name.data();
  message.node_addr = address.data();
  message.node_hostname = hostname.data();
  return update(&message, nodes.size(), "address");
}

Result<void> change_nodes(const std::vector<std::string>& names, NodeChange change,
                          const std::string& reason) {
  if (names.empty()) return {};
  std::string name = joined(names), why = reason;
  update_node_msg_t message;
  slurm_init_update_node_msg(&message);
  message.node_names = name.data();
  if (!why.empty()) {
    message.reason = why.data();
    set_reason_uid(&message);
  }
  switch (change) {
    case NodeChange::down:
      message.node_state = NODE_STATE_DOWN;
      break;
    case NodeChange::power_down:
      message.node_state = NODE_STATE_POWER_DOWN;
      break;
    case NodeChange::resume:
      message.node_state = NODE_RESUME;
      break;
    case NodeChange::undrain:
      message.node_state = NODE_STATE_UNDRAIN;
      break;
    case NodeChange::drain:
      message.node_state = NODE_STATE_DRAIN;
      break;
  }
  return update(&message, names.size(), "state");
}

Result<std::vector<std::string>> expand_hostlist(const std::string& list, size_t most) {
  HostlistPtr hosts(slurm_hostlist_create(list.c_str()));
  std::string shown = text::printable(list, 80);
  if (hosts == nullptr)
    return fail("\"" + shown + "\" is no list of nodes, such as cloud-node-[0-3]");
  if (auto n = slurm_hostlist_count(hosts.get()); n < 0 || static_cast<size_t>(n) > most)
    return fail("\"" + shown + "\" names " + std::to_string(n) + " nodes; at most " +
                std::to_string(most) + " are taken");
  std::vector<std::string> out;
  while (char* host = slurm_hostlist_shift(hosts.get())) {
    out.emplace_back(host);
    free(host);  // the one string of libslurm's that is malloc's
  }
  return out;
}

}  // namespace sluice::slurm
