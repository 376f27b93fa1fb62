// What main() drives, whatever the role.
#pragma once

#include <string>

namespace sluice::daemon {

class Daemon {
 public:
  virtual ~Daemon() = default;  // stops everything; nothing acknowledged is lost
  // Reads the configuration again. "" or why the old one stays. Any thread.
  virtual std::string reload() = 0;
  virtual void tick() = 0;  // about once a second, on the main thread
};

}  // namespace sluice::daemon
