// Keys that occur twice in one object. RFC 8259 §4 leaves it open what becomes of them, and the
// wrapper keeps the last; where people write by hand the other one would be lost without a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// The paths of such keys, as "sinks.log" or "routes[0].name", each once. `text` is one that
// Json::parse takes, comments included. Keys are compared as they are meant: "\u0061" is "a".
std::vector<std::string> duplicate_keys(std::string_view text);

}  // namespace sluice
