// Where raw records from sockets go: the importer on the controller, the forwarder on a node.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/inbox/record.h"

namespace sluice::daemon {

class Intake {
 public:
  // `why` is empty once all records are in the controller's journal; else why they are not (yet).
  using Committed = std::function<void(std::string why)>;
  virtual ~Intake() = default;
  // Any thread; `committed` is called once, on a thread of the intake's.
  virtual void submit(std::vector<inbox::RawRecord> records, Committed committed) = 0;
};

}  // namespace sluice::daemon
