#include "ctld/sluiced/socket.h"

namespace sluice::daemon {

Result<std::unique_ptr<Server>> open_socket(const config::Config& config, Emit& emit,
                                            Commands& commands) {
  auto at = std::make_shared<Server*>();
  auto server = Server::open(
      config.socket, config.admin_group,
      [at, &emit, &commands](const Json& request, const Caller& caller, const Reply& reply) {
        if (request.get("op").str() == "emit") return emit.request(request, caller, reply);
        Caller who = caller;
        who.admin = (*at)->is_admin(caller);
        commands.request(request, who, reply);
      },
      [&commands] { commands.tick(); });
  if (server) *at = server->get();
  return server;
}

}  // namespace sluice::daemon
