#include "common/cli/power_config.h"

#include <unistd.h>

#include <cstdlib>

namespace sluice::cli {

std::string power_config_path(const Common& common) {
  if (!common.config.empty()) return common.config;
  if (const char* given = getenv("SLUICE_POWER_CONFIG"); given != nullptr && *given != '\0')
    return given;
  const char* folder = "/etc/sluice/power";
  return ::access((std::string(folder) + "/config.json").c_str(), F_OK) == 0
             ? folder
             : "/etc/sluice/sluice.json";
}

}  // namespace sluice::cli
