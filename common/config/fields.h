// Reading a JSON object field by field, so that every fault is found in one pass and each says
// where (file, JSON path), what (the value) and what is allowed. Unknown keys are faults too:
// a mistyped key must not silently mean its default.
//
// What a fault says goes to terminals and logs, so no value is repeated that may hold a secret:
// URLs by scheme, host and port alone; of objects and arrays, and of texts under a key that nobody
// knows, only what they are.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"

namespace sluice::config {

struct Problem {
  std::string path;          // sinks.bus.url
  std::string value;         // as JSON, cut short, or "(hidden)"; empty where the key is missing
  std::string allowed;       // "an https:// URL"
  bool warning = false;      // works, but is probably not what was meant
  std::string text() const;  // sinks.bus.url: "ftp://x": must be an https:// URL
};

using Problems = std::vector<Problem>;

// A value as a message may have it, where nobody knows what it is for.
std::string shown(const Json& value);
// A text that is no secret, unless it is a URL: then without what may be one.
std::string shown(const std::string& text);

// True if none of them is an error.
bool usable(const Problems& problems);

// One object being read. Each getter marks its key as known; finish() reports the others.
// A getter that finds a fault records it and returns the fallback.
class Fields {
 public:
  Fields(Json object, std::string path, Problems* problems);

  std::string str(const std::string& key, std::string_view fallback = {});
  std::string required_str(const std::string& key);
  std::string one_of(const std::string& key, std::initializer_list<std::string_view> allowed,
                     std::string_view fallback);
  int64_t integer(const std::string& key, int64_t fallback, int64_t min, int64_t max);
  bool boolean(const std::string& key, bool fallback);
  std::vector<std::string> strings(const std::string& key);  // a string or an array of strings
  Json object(const std::string& key);                       // null where absent
  Json array(const std::string& key);
  Json any(const std::string& key);

  bool has(const std::string& key) const { return object_.has(key); }
  std::string path(const std::string& key) const;
  void problem(const std::string& key, std::string allowed, bool warning = false);
  // `warn`: they are warnings, as in files that other programs read too.
  void finish(bool warn = false);

 private:
  std::string shown_value(const std::string& key) const;

  Json object_;
  std::string path_;
  Problems* problems_;
  std::set<std::string> known_;
};

}  // namespace sluice::config
