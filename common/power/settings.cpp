#include "common/power/settings.h"

#include <algorithm>

#include "common/base/text.h"

namespace sluice::power {
namespace {

bool is_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// What slurm.conf would end the value at, take for a comment, or for the next line.
const char* fault_of(std::string_view value) {
  if (value.empty()) return "must not be empty";
  bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  std::string_view inside = quoted ? value.substr(1, value.size() - 2) : value;
  for (unsigned char c : inside) {
    if (c < ' ' || c == 0x7f) return "must be one line without control characters";
    if (c == '#') return "must not hold '#', which begins a comment in slurm.conf";
    if (c == '"') return "must not hold '\"', but around the whole of it";
    if (c == ' ' && !quoted) return "must not hold blanks, unless it is in double quotes";
    if (c == '\\') return "must not hold '\\', which slurm.conf reads itself";
  }
  return nullptr;
}

bool value_of(const Json& value, std::string* out) {
  if (value.is_string())
    *out = value.str();
  else if (value.is_bool())
    *out = value.boolean() ? "Yes" : "No";
  else if (value.is_number())
    *out = value.dump();
  else
    return false;
  return true;
}

}  // namespace

Settings read_settings(const Json& object, const std::string& path, config::Problems* problems) {
  Settings out;
  for (const auto& [key, value] : object.members()) {
    std::string at = path + "." + text::printable(key, 60);
    std::string shown = config::shown(value.str(value.dump()));
    auto fault = [&](const char* allowed) { problems->push_back({at, shown, allowed, false}); };
    std::string text;
    if (!is_key(key))
      fault("is no key of slurm.conf: letters, digits and '_' only");
    else if (find(out, key) != nullptr)
      fault("is given twice; slurm.conf does not tell upper case from lower");
    else if (!value_of(value, &text))
      fault("must be a string, a number, true or false");
    else if (const char* why = fault_of(text))
      fault(why);
    else
      out.emplace_back(key, text);
  }
  return out;
}

const std::string* find(const Settings& settings, std::string_view key) {
  auto it = std::ranges::find_if(settings,
                                 [&](const auto& s) { return text::same_letters(s.first, key); });
  return it == settings.end() ? nullptr : &it->second;
}

int64_t find_number(const Settings& settings, std::string_view key, int64_t fallback) {
  const std::string* value = find(settings, key);
  int64_t number = 0;
  return value != nullptr && text::parse_int(*value, INT64_MIN, INT64_MAX, &number) ? number
                                                                                    : fallback;
}

}  // namespace sluice::power
