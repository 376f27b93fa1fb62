#include "common/sinks/raw_json.h"

#include <algorithm>

namespace sluice::sinks {
namespace {

std::string_view without_blanks(std::string_view s) {
  if (!s.empty() && s[0] > ' ') return s;
  s.remove_prefix(std::min(s.find_first_not_of(" \t\r\n"), s.size()));
  return s;
}

// Past the string that starts at `at` (its opening quote). By memchr, as most of an event is
// strings.
size_t string_end(std::string_view s, size_t at) {
  for (size_t from = at + 1;;) {
    size_t quote = s.find('"', from);
    if (quote == s.npos) return s.size();
    size_t slashes = 0;
    while (quote - slashes > at + 1 && s[quote - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return quote + 1;
    from = quote + 1;
  }
}

// Length of the value at the start of s.
size_t value_length(std::string_view s) {
  if (s.empty()) return 0;
  if (s[0] == '"') return string_end(s, 0);
  if (s[0] != '{' && s[0] != '[') return std::min(s.find_first_of(",}] \t\r\n"), s.size());
  size_t depth = 0;
  for (size_t i = 0; i < s.size();) {
    char c = s[i];
    if (c == '"') {
      i = string_end(s, i);
      continue;
    }
    ++i;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return i;
  }
  return s.size();
}

}  // namespace

RawMembers::RawMembers(std::string_view object) : rest_(without_blanks(object)) {
  if (rest_.starts_with('{'))
    rest_.remove_prefix(1);
  else
    rest_ = {};
}

bool RawMembers::next_key(std::string_view* key) {
  rest_ = without_blanks(rest_);
  if (rest_.starts_with(',')) rest_ = without_blanks(rest_.substr(1));
  if (!rest_.starts_with('"')) return false;
  size_t end = string_end(rest_, 0);
  if (end < 2) return false;
  *key = rest_.substr(1, end - 2);
  rest_ = without_blanks(rest_.substr(end));
  if (!rest_.starts_with(':')) return false;
  rest_ = without_blanks(rest_.substr(1));
  return true;
}

bool RawMembers::next_value(std::string_view* value) {
  size_t n = value_length(rest_);
  *value = rest_.substr(0, n);
  rest_.remove_prefix(n);
  return n > 0;
}

std::optional<std::string_view> raw_member(std::string_view object, std::string_view name) {
  RawMembers members(object);
  std::string_view key;
  std::string_view value;
  while (members.next(&key, &value))
    if (key == name) return value;
  return std::nullopt;
}

std::string_view raw_from(std::string_view object, std::string_view name) {
  RawMembers members(object);
  std::string_view key;
  while (members.next_key(&key)) {
    if (key == name) return members.rest();
    std::string_view value;
    if (!members.next_value(&value)) break;
  }
  return {};
}

}  // namespace sluice::sinks
