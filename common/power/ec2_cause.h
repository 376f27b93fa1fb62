// What EC2's error codes mean for a launch ("Error codes for the Amazon EC2 API", Amazon EC2 API
// Reference). Pure functions.
#pragma once

#include <string_view>

#include "common/aws/caller.h"
#include "common/power/provider.h"

namespace sluice::power::ec2 {

// Of a whole call that failed.
Refusal refusal_of(const aws::Answer& answer);
// Of one pool of a fleet.
Cause cause_of(std::string_view code);
// The same call may succeed in a moment.
bool is_passing(const aws::Answer& answer);
// An instance id that does not exist (any more).
bool is_unknown_id(std::string_view code);
// A call by instance ids failed because of some of them: unknown, or protected from termination.
bool is_about_some(std::string_view code);

}  // namespace sluice::power::ec2
