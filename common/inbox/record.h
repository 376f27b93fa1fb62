// A raw record as read back: what a hook saw, not yet an event.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace sluice::inbox {

// The largest file that can be a record: payload, header and the terminators of its strings.
constexpr size_t kMaxFile = (256U << 10) + 1024;

struct RawRecord {
  std::string id;    // the file's name: boot time, boot id, pid and counter of the writer
  std::string kind;  // start, end, comp, launch, exit, step_start, step_end, user, gap
  int64_t wall_us = 0;
  std::map<std::string, std::string> fields;  // "@name" are the hook's own

  std::string get(const std::string& key) const;
  // A field as a non-negative number; `fallback` where absent or malformed.
  int64_t number(const std::string& key, int64_t fallback = -1) const;
  uint32_t job_id() const;  // 0 where it has none
};

// A whole file's bytes into a record, or why they are none (torn, foreign, oversized).
Result<RawRecord> parse(std::string id, std::string_view bytes);

// The inverse, for records that did not come through a file (emit, forwarded batches).
std::string serialize(const RawRecord& record);

// Names that writer.cpp makes; anything else in the folder is foreign.
bool is_record_name(std::string_view name);

}  // namespace sluice::inbox
