// Where the commands about power save find its configuration, and its record.
#pragma once

#include "common/cli/command.h"
#include "common/power/config.h"

namespace sluice::cli {

// --config, else $SLUICE_POWER_CONFIG, /etc/sluice/power, /etc/sluice/sluice.json.
std::string power_config_path(const Common& common);

}  // namespace sluice::cli
