// One entry of EventBridge's PutEvents. Immutable once made.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/sinks/sink.h"

namespace sluice::sinks {

struct EntryShape {
  std::string bus;           // name or ARN
  std::string source;        // pcluster.CLUSTER
  bool whole_event = false;  // Detail is the CloudEvent, not the job's environment
  std::map<std::string, std::string> detail_types;  // by CloudEvents type
  std::vector<std::string> resources;

  const std::string& detail_type(const std::string& type) const;
  // At least the size that AWS counts for the entry: 14 for Time, and the UTF-8 bytes of Source,
  // DetailType, Detail and each Resource ("Calculating PutEvents event entry size", EventBridge
  // User Guide).
  size_t size(const StoredEvent& event) const;
  // Appends the entry's JSON.
  void render_to(std::string* out, const StoredEvent& event) const;
  // Detail's text, a JSON object.
  std::string detail(const StoredEvent& event) const;
};

}  // namespace sluice::sinks
