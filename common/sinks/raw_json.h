// Parts of JSON text found without parsing it into values: the journal's events are valid JSON, and
// a batch of PutEvents would otherwise cost ten times more in parsing than in sending. Malformed
// text is never read past its end; what it yields is undefined but safe. Pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace sluice::sinks {

// Walks an object's members. `key` is without its quotes, `value` the value's own text; both point
// into the object's text.
class RawMembers {
 public:
  explicit RawMembers(std::string_view object);
  // False at the end, or where the text is no JSON object.
  bool next(std::string_view* key, std::string_view* value) {
    return next_key(key) && next_value(value);
  }
  // The same in two steps; between them rest() starts with the value.
  bool next_key(std::string_view* key);
  bool next_value(std::string_view* value);
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// The value of the object's first member of this name (written without escapes).
std::optional<std::string_view> raw_member(std::string_view object, std::string_view name);

// From that value's first byte to the end of `object`, which saves finding where it ends; empty if
// there is no such member. RawMembers can walk it.
std::string_view raw_from(std::string_view object, std::string_view name);

}  // namespace sluice::sinks
