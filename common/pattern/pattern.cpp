#include "common/pattern/pattern.h"

#include <algorithm>
#include <vector>

#include "common/base/text.h"
#include "common/pattern/comparison.h"

namespace sluice::pattern {

struct Pattern::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> keys;  // all must match
  std::vector<std::vector<std::unique_ptr<Node>>> any_of;           // one of each list must match
  std::vector<Comparison> alternatives;                             // a leaf: one must match
  bool leaf = false;
};

struct Compiler {
  using Node = Pattern::Node;
  config::Problems* problems;

  void bad(const std::string& path, const Json& value, std::string allowed) {
    problems->push_back({path, text::printable(value.dump(), 80), std::move(allowed), false});
  }

  std::unique_ptr<Node> compile(const Json& spec, const std::string& path) {
    auto node = std::make_unique<Node>();
    if (spec.is_array()) {
      node->leaf = true;
      if (spec.size() == 0) bad(path, spec, "must list at least one alternative");
      for (size_t i = 0; i < spec.size(); ++i) {
        Comparison c =
            compile_comparison(spec.at(i), path + "[" + std::to_string(i) + "]", problems);
        if (c.test) node->alternatives.push_back(std::move(c));
      }
      return node;
    }
    if (!spec.is_object() || spec.size() == 0) {
      bad(path, spec, "must be an object with keys or an array of alternatives");
      return node;
    }
    for (const auto& [key, value] : spec.members()) {
      std::string below = path + "." + key;
      if (key != "$or") {
        node->keys.emplace_back(key, compile(value, below));
        continue;
      }
      if (!value.is_array() || value.size() < 2) {
        bad(below, value, "must be an array of at least two patterns");
        continue;
      }
      std::vector<std::unique_ptr<Node>> list;
      list.reserve(value.size());
      for (size_t i = 0; i < value.size(); ++i)
        list.push_back(compile(value.at(i), below + "[" + std::to_string(i) + "]"));
      node->any_of.push_back(std::move(list));
    }
    return node;
  }

  static bool leaf_matches(const Node& node, bool present, const Json& value) {
    return std::ranges::any_of(node.alternatives, [&](const Comparison& c) {
      if (!value.is_array() || c.wants_absent) return c.test(present, value);
      for (size_t i = 0; i < value.size(); ++i)
        if (c.test(true, value.at(i))) return true;
      return false;
    });
  }

  static bool matches(const Node& node, bool present, const Json& value) {
    if (node.leaf) return leaf_matches(node, present, value);
    // An array of objects: one of them must match as a whole.
    if (value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i)
        if (matches(node, true, value.at(i))) return true;
      return false;
    }
    for (const auto& [key, child] : node.keys)
      if (!matches(*child, value.has(key), value.get(key))) return false;
    for (const auto& list : node.any_of)
      if (std::ranges::none_of(list, [&](const auto& n) { return matches(*n, present, value); }))
        return false;
    return true;
  }
};

Pattern::Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Pattern Pattern::compile(const Json& spec, const std::string& path, config::Problems* problems) {
  Pattern out;
  size_t before = problems->size();
  Compiler compiler{problems};
  if (!spec.is_object()) {
    compiler.bad(path, spec, "must be an event pattern: an object");
    return out;
  }
  auto root = compiler.compile(spec, path);
  if (problems->size() == before) out.root_ = std::move(root);
  return out;
}

bool Pattern::matches(const Json& event) const {
  return root_ != nullptr && event.is_object() && Compiler::matches(*root_, true, event);
}

}  // namespace sluice::pattern
