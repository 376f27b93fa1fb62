// The line of plugstack.conf that loads our SPANK plugin, found as Slurm finds it: comments off,
// `include PATTERN` followed.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace sluice::cli {

struct PlugstackLine {
  std::string file;  // where the line is
  bool required = false;
  std::string plugin;  // as written: a name, or a path
  std::map<std::string, std::string> arguments;
};

// Nothing if no line loads spank_sluice.so, or `path` cannot be read.
std::optional<PlugstackLine> find_in_plugstack(const std::string& path, int depth = 0);

}  // namespace sluice::cli
