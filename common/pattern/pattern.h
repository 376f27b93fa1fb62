// EventBridge event patterns: which events a route takes. Follows Amazon EventBridge's
// "Creating event patterns": every key of the pattern must be in the event and one of its
// alternatives must match; arrays in the event match if one element does.
//
// Comparisons: exact values, null, {"prefix"}, {"suffix"}, {"equals-ignore-case"},
// {"anything-but"} (value, list, or an object of prefix, suffix, wildcard, equals-ignore-case),
// {"numeric": ["<", 5, …]}, {"exists"}, {"wildcard"}, {"cidr"}, and "$or" over keys.
//
// Immutable once compiled; matches() is thread-safe.
#pragma once

#include <memory>
#include <string>

#include "common/config/fields.h"
#include "common/json/json.h"

namespace sluice::pattern {

class Pattern {
 public:
  // What is wrong is added to `problems` with its path below `path`; the result then never matches.
  static Pattern compile(const Json& pattern, const std::string& path, config::Problems* problems);

  Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  bool matches(const Json& event) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  friend struct Compiler;
};

}  // namespace sluice::pattern
