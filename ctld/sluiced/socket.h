// The Unix socket of both roles: who gets which request.
#pragma once

#include <memory>

#include "common/config/config.h"
#include "ctld/sluiced/commands.h"
#include "ctld/sluiced/emit.h"
#include "ctld/sluiced/server.h"

namespace sluice::daemon {

// `emit` and `commands` outlive the server's thread.
Result<std::unique_ptr<Server>> open_socket(const config::Config& config, Emit& emit,
                                            Commands& commands);

}  // namespace sluice::daemon
