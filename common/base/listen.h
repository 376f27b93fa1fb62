// Sockets that listen: close-on-exec, and accept(2) on them does not wait. The errors name neither
// the address nor what it is for; the caller knows both.
#pragma once

#include <string>

#include "common/base/error.h"
#include "common/base/fd.h"

namespace sluice {

// At a path with the permissions `mode`. What was there before is replaced.
Result<Fd> listen_unix(const std::string& path, unsigned mode, int backlog);

// `host` is a name or an address; "*" is every address of this host.
Result<Fd> listen_tcp(const std::string& host, const std::string& port, int backlog);

}  // namespace sluice
