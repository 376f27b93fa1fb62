// KEY=VALUE pairs for slurm.conf from JSON objects: what would break the line, or smuggle another
// one in, is a fault.
#pragma once

#include <string>
#include <string_view>

#include "common/power/config.h"

namespace sluice::power {

// `path` is the object's, for faults. Values may be strings, numbers and booleans.
Settings read_settings(const Json& object, const std::string& path, config::Problems* problems);

// The value of `key`, whatever the case of its letters (slurm.conf ignores it), or null.
const std::string* find(const Settings& settings, std::string_view key);

// The whole number that `key` has; `fallback` where it is absent or something else.
int64_t find_number(const Settings& settings, std::string_view key, int64_t fallback);

}  // namespace sluice::power
