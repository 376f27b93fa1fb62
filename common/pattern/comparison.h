// One alternative of a pattern's list: a predicate over one value of the event.
#pragma once

#include <functional>
#include <string>

#include "common/config/fields.h"
#include "common/json/json.h"

namespace sluice::pattern {

struct Comparison {
  // `present` is false where the event has no such key; `value` is then null.
  std::function<bool(bool present, const Json& value)> test;
  bool wants_absent = false;  // {"exists": false}: an array is not looked into
};

// Null test if the comparison is malformed: a problem was added.
Comparison compile_comparison(const Json& spec, const std::string& path,
                              config::Problems* problems);

// '*' stands for any run of characters; "\*" and "\\" for themselves.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace sluice::pattern
