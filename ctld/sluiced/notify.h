// systemd's notification protocol (sd_notify(3)), without linking libsystemd. Nothing happens
// where NOTIFY_SOCKET is not set.
#pragma once

#include <string>

namespace sluice::daemon {

void notify(const std::string& state);  // "READY=1", "STOPPING=1", "WATCHDOG=1", "RELOADING=1"

}  // namespace sluice::daemon
