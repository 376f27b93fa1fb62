// One event as one line for people: when, what, which job, whose, and what matters of its type.
#pragma once

#include <string>

#include "common/json/json.h"

namespace sluice::cli {

// `event` is a CloudEvent; parts it lacks are shown as "-". Control characters are escaped.
std::string event_line(const Json& event);

}  // namespace sluice::cli
