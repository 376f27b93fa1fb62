// Body templates: text with {{path}} placeholders, each replaced by what the event has there
// ({{type}}, {{data.job.name}}, {{data.job.nodes.0}}). For receivers that cannot read CloudEvents,
// such as chat systems. Immutable once made; any thread may render.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/json/json.h"

namespace sluice::sinks {

class Template {
 public:
  // With `json`, the template is JSON text, and so is every rendering of it: inside a JSON string a
  // value is inserted escaped, outside as a JSON value of its own. Otherwise values are inserted as
  // plain text. An error if a placeholder is not closed or empty, or the JSON would not be JSON.
  static Result<Template> make(std::string_view text, bool json);

  // What is absent or null becomes null, or nothing inside a string and in plain text.
  std::string render(const Json& event) const;

  // First names of all placeholders (type, data, …), for checking.
  std::vector<std::string> roots() const;

 private:
  enum class Place { plain, json_value, json_string };
  struct Part {
    std::string literal;            // comes first
    std::vector<std::string> path;  // then this; empty: nothing
    Place place = Place::plain;
  };
  std::vector<Part> parts_;
};

}  // namespace sluice::sinks
