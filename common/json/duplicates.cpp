#include "common/json/duplicates.h"

#include <set>

#include "common/json/json.h"

namespace sluice {
namespace {

// An object or array that is open.
struct Level {
  bool object = false;
  std::string path;
  std::set<std::string> keys;
  std::string key;   // the member that is being read
  size_t index = 0;  // the element that is being read

  std::string inside() const {
    if (!object) return path + "[" + std::to_string(index) + "]";
    return path.empty() ? key : path + "." + key;
  }
};

// Behind the string that begins at `at`.
size_t end_of_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

// Behind the comment that begins at `at`.
size_t end_of_comment(std::string_view text, size_t at) {
  bool line = text.substr(at).starts_with("//");
  size_t end = text.find(line ? "\n" : "*/", at + 2);
  return end == text.npos ? text.size() : end + (line ? 1 : 2);
}

}  // namespace

std::vector<std::string> duplicate_keys(std::string_view text) {
  std::set<std::string> found;
  std::vector<Level> open;
  bool key_next = false;  // behind '{' or a ',' of an object
  for (size_t at = 0; at < text.size();) {
    char c = text[at];
    if (c == '/') {
      at = end_of_comment(text, at);
      continue;
    }
    size_t next = at + 1;
    if (c == '"') {
      next = end_of_string(text, at);
      if (key_next && !open.empty()) {
        Level& level = open.back();
        auto key = Json::parse(text.substr(at, next - at));
        level.key = key ? key->str() : std::string();
        if (!level.keys.insert(level.key).second) found.insert(level.inside());
        key_next = false;
      }
    } else if (c == '{' || c == '[') {
      open.push_back({c == '{', open.empty() ? std::string() : open.back().inside(), {}, {}, 0});
      key_next = c == '{';
    } else if (c == '}' || c == ']') {
      if (!open.empty()) open.pop_back();
      key_next = false;
    } else if (c == ',' && !open.empty()) {
      ++open.back().index;
      key_next = open.back().object;
    }
    at = next;
  }
  return {found.begin(), found.end()};
}

}  // namespace sluice
