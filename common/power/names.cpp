#include "common/power/names.h"

#include <set>

#include "common/base/text.h"

namespace sluice::power {

const Group* group_of(const Config& config, std::string_view node) {
  size_t last = node.rfind('-');
  if (last == node.npos) return nullptr;
  std::string_view digits = node.substr(last + 1);
  int64_t number = 0;
  if (!text::parse_int(digits, 0, INT32_MAX, &number)) return nullptr;
  if (digits != std::to_string(number)) return nullptr;  // +1, 007
  for (const Partition& partition : config.partitions)
    for (const Group& group : partition.groups)
      if (node.substr(0, last) == group.prefix())
        return number < group.max_nodes ? &group : nullptr;
  return nullptr;
}

Sorted sort_by_group(const Config& config, const std::vector<std::string>& nodes) {
  Sorted out;
  std::set<std::string_view> seen;
  for (const std::string& node : nodes) {
    if (!seen.insert(node).second) continue;
    if (const Group* group = group_of(config, node); group != nullptr)
      out.groups[group].push_back(node);
    else
      out.foreign.push_back(node);
  }
  return out;
}

}  // namespace sluice::power
