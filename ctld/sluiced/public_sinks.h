// The world-readable list of sinks that sbatch checks --event-sink against: names and who may use
// them, nothing else. Format in docs/formats.md; read by spank/.
#pragma once

#include "common/base/error.h"
#include "common/config/config.h"

namespace sluice::daemon {

Result<void> write_public_sinks(const config::Config& config);

}  // namespace sluice::daemon
