#include "common/power/assign.h"

#include <map>

namespace sluice::power {

std::set<std::string> assign(const std::vector<Job>& jobs, const std::vector<Yield>& yields,
                             const std::set<std::string>& failed) {
  std::map<std::string, size_t> launch_of;
  std::vector<size_t> left;
  for (size_t i = 0; i < yields.size(); ++i) {
    left.push_back(yields[i].machines);
    for (const auto& node : yields[i].nodes) launch_of[node] = i;
  }
  std::set<std::string> served, wanted;
  for (const Job& job : jobs) {
    // Nodes that several jobs share are counted once; those of no launch are there already.
    std::map<size_t, size_t> needed;
    std::vector<std::string> own;
    bool possible = true;
    for (const auto& node : job.nodes) {
      wanted.insert(node);
      possible = possible && !failed.contains(node);
      auto it = launch_of.find(node);
      if (it == launch_of.end() || served.contains(node)) continue;
      ++needed[it->second];
      own.push_back(node);
    }
    for (auto [launch, n] : needed) possible = possible && left[launch] >= n;
    if (!possible) continue;
    for (auto [launch, n] : needed) left[launch] -= n;
    served.insert(own.begin(), own.end());
  }
  for (size_t i = 0; i < yields.size(); ++i)
    for (const auto& node : yields[i].nodes)
      if (left[i] > 0 && !wanted.contains(node) && served.insert(node).second) --left[i];
  return served;
}

}  // namespace sluice::power
