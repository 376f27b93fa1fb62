// Where raw records from sockets go: the importer on the controller, the forwarder on a node.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/inbox/record.h"

namespace sluice::daemon {

// Why a record was refused for good, by its id. It is done with, like those that were journaled.
using Refused = std::map<std::string, std::string>;

struct Commit {
  std::string why;  // empty once the controller is done with all records; else why it is not (yet)
  Refused refused;  // those of them that did not become events
};

using Committed = std::function<void(const Commit& commit)>;

class Intake {
 public:
  virtual ~Intake() = default;
  // Does it keep what it could not commit, to try again by itself?
  virtual bool stores() const = 0;
  // Any thread; `committed` is called once, on this thread where nothing can be taken now, else on
  // one of the intake's.
  virtual void submit(std::vector<inbox::RawRecord> records, Committed committed) = 0;
};

}  // namespace sluice::daemon
