#include "ctld/sluiced/node.h"

#include <unistd.h>

#include <cstdlib>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/slurm/jobs.h"
#include "ctld/sluiced/socket.h"

namespace sluice::daemon {
namespace {

std::string short_host_name() {
  char buf[256] = {};
  if (::gethostname(buf, sizeof buf - 1) != 0) return "unknown";
  std::string name = buf;
  return name.substr(0, name.find('.'));
}

}  // namespace

Result<std::unique_ptr<Node>> Node::start(const std::shared_ptr<const config::Config>& config) {
  auto n = std::unique_ptr<Node>(new Node);
  n->config_ = config;
  n->name_ = config->node_name.empty() ? short_host_name() : config->node_name;
  // libslurm finds this host's slurmd by its node name; before any thread starts.
  if (!config->node_name.empty()) ::setenv("SLURMD_NODENAME", config->node_name.c_str(), 1);
  slurm::init(config->slurm_conf);
  if (auto made = file::make_dirs(config->inbox, 0755); !made) return std::unexpected(made.error());
  n->forwarder_ = std::make_unique<Forwarder>(*config, n->name_, n->stats_);
  n->emit_ = std::make_unique<Emit>(config, *n->forwarder_, n->stats_);
  Node* self = n.get();
  CommandHooks hooks;
  hooks.reload = [self] { return self->reload(); };
  hooks.about = [self] { return self->about(); };
  n->commands_ = std::make_unique<Commands>(nullptr, n->stats_, hooks);
  auto server = open_socket(*config, *n->emit_, *n->commands_);
  if (!server) return std::unexpected(server.error());
  n->server_ = std::move(*server);
  n->server_->serve();
  log::info("sluiced " SLUICE_VERSION " serves node " + n->name_ + ": inbox " + config->inbox);
  return n;
}

Node::~Node() {
  if (server_) server_->stop();
  if (forwarder_) forwarder_->flush_and_stop();
  emit_.reset();
  server_.reset();
  forwarder_.reset();
}

std::string Node::reload() {
  return "a node's sluiced reads its configuration at start only: restart it, nothing is lost";
}

Json Node::about() const {
  Json out = Json::object();
  out.set("role", Json::of("node"));
  out.set("version", Json::of(SLUICE_VERSION));
  out.set("slurm", Json::of(slurm::header_version()));
  out.set("node", Json::of(name_));
  out.set("pid", Json::of(int64_t{::getpid()}));
  out.set("config", Json::of(config_->path));
  out.set("inbox", Json::of(config_->inbox));
  return out;
}

}  // namespace sluice::daemon
