// The TIME of --since, as people write it.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/error.h"

namespace sluice::cli {

// RFC 3339 for sluiced, from
//   2026-03-01T12:00:00Z       RFC 3339, with any offset
//   2026-03-01[T12:00[:00]]    this host's time zone; a blank may stand for the T
//   30s 10m 2h 7d              that long before `now_us` (µs since 1970)
// The error says what is allowed.
Result<std::string> since(const std::string& text, int64_t now_us);

}  // namespace sluice::cli
