#include "common/cli/plugstack.h"

#include <glob.h>

#include <sstream>

#include "common/base/file.h"
#include "common/base/text.h"

namespace sluice::cli {
namespace {

constexpr const char* kPlugin = "spank_sluice.so";
constexpr int kMaxDepth = 8;  // files that include each other

std::optional<PlugstackLine> included(const std::string& from, const std::string& pattern,
                                      int depth) {
  std::string whole =
      pattern.starts_with('/') ? pattern : from.substr(0, from.rfind('/') + 1) + pattern;
  glob_t found{};
  std::optional<PlugstackLine> line;
  if (::glob(whole.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc && !line; ++i)
      line = find_in_plugstack(found.gl_pathv[i], depth + 1);
  ::globfree(&found);
  return line;
}

}  // namespace

std::optional<PlugstackLine> find_in_plugstack(const std::string& path, int depth) {
  auto bytes = file::read(path, 1U << 20);
  if (!bytes || depth > kMaxDepth) return std::nullopt;
  for (const auto& text : text::split(*bytes, '\n')) {
    std::istringstream words(text.substr(0, text.find('#')));
    std::string first;
    PlugstackLine line{path, false, {}, {}};
    if (!(words >> first >> line.plugin)) continue;
    if (first == "include") {
      if (auto found = included(path, line.plugin, depth)) return found;
      continue;
    }
    if (line.plugin.substr(line.plugin.rfind('/') + 1) != kPlugin) continue;
    line.required = first == "required";
    for (std::string word; words >> word;) {
      size_t equals = word.find('=');
      if (equals != word.npos) line.arguments[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return line;
  }
  return std::nullopt;
}

}  // namespace sluice::cli
