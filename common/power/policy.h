// The least that AWS has to allow: an IAM policy for the configuration ("Actions, resources, and
// condition keys for Amazon EC2", Service Authorization Reference). Pure.
#pragma once

#include <string>

#include "common/power/config.h"

namespace sluice::power {

// A JSON policy document, indented.
std::string least_policy(const Config& config, const std::string& cluster);

}  // namespace sluice::power
