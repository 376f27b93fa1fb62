#include "common/power/generate.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/power/settings.h"

namespace sluice::power {
namespace {

void append(std::string* line, const std::string& key, const std::string& value) {
  *line += " " + key + "=" + value;
}

std::string node_line(const Group& group) {
  std::string line = "NodeName=" + node_range(group) + " State=CLOUD";
  for (const auto& [key, value] : group.specifications) append(&line, key, value);
  return line + "\n";
}

std::string partition_line(const Partition& partition) {
  std::string nodes;
  for (const Group& group : partition.groups)
    nodes += (nodes.empty() ? "" : ",") + node_range(group);
  std::string line = "PartitionName=" + partition.name + " Nodes=" + nodes;
  const Settings defaults{{"Default", "No"}, {"MaxTime", "INFINITE"}, {"State", "UP"}};
  for (const auto& [key, value] : defaults)
    if (find(partition.options, key) == nullptr) append(&line, key, value);
  for (const auto& [key, value] : partition.options) append(&line, key, value);
  return line + "\n";
}

std::string gpu_files(const std::string& count) {
  int64_t n = 1;
  text::parse_int(count, 1, INT32_MAX, &n);
  return n == 1 ? "/dev/nvidia[0]" : "/dev/nvidia[0-" + std::to_string(n - 1) + "]";
}

std::string gres_line(const Group& group, const Gres& gres) {
  std::string line = "NodeName=" + node_range(group);
  append(&line, "Name", gres.name);
  if (!gres.type.empty()) append(&line, "Type", gres.type);
  if (text::same_letters(gres.name, "gpu"))
    append(&line, "File", gpu_files(gres.count));
  else if (gres.count != "1")
    append(&line, "Count", gres.count);
  return line + "\n";
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// "4", or with a suffix as slurm.conf has them: "100G".
bool parse_count(std::string_view text, std::string* out) {
  std::string_view digits = text;
  if (!digits.empty() && std::string_view("KMGTPkmgtp").find(digits.back()) != digits.npos)
    digits.remove_suffix(1);
  int64_t n = 0;
  if (!text::parse_int(digits, 1, INT32_MAX, &n)) return false;
  *out = text;
  return true;
}

}  // namespace

std::string node_range(const Group& group) {
  return group.max_nodes == 1 ? group.prefix() + "-0"
                              : group.prefix() + "-[0-" + std::to_string(group.max_nodes - 1) + "]";
}

bool parse_gres(std::string_view entry, Gres* out) {
  auto parts = text::split(entry, ':');
  if (parts.size() > 1 && parse_count(parts.back(), &out->count)) parts.pop_back();
  if (parts.size() > 1 && parts.back() == "no_consume") parts.pop_back();
  if (parts.empty() || parts.size() > 2) return false;
  out->name = parts[0];
  if (parts.size() == 2) out->type = parts[1];
  return is_word(out->name) && (parts.size() == 1 || is_word(out->type));
}

std::string slurm_conf_text(const Config& config) {
  std::string out;
  for (const auto& [key, value] : config.slurm_conf) out += key + "=" + value + "\n";
  out += "\n";
  for (const Partition& partition : config.partitions) {
    for (const Group& group : partition.groups) out += node_line(group);
    out += partition_line(partition) + "\n";
  }
  return out;
}

std::string gres_conf_text(const Config& config) {
  std::string out;
  for (const Partition& partition : config.partitions)
    for (const Group& group : partition.groups)
      if (const std::string* list = find(group.specifications, "Gres"); list != nullptr)
        for (const auto& entry : text::split(*list, ','))
          if (Gres gres; parse_gres(entry, &gres)) out += gres_line(group, gres);
  return out;
}

}  // namespace sluice::power
