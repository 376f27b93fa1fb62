#include "common/sinks/template.h"

#include "common/base/text.h"

namespace sluice::sinks {
namespace {

// Whether JSON text read so far ends inside a string.
class StringState {
 public:
  void feed(std::string_view s) {
    for (char c : s) {
      if (escaped_)
        escaped_ = false;
      else if (c == '"')
        inside_ = !inside_;
      else if (c == '\\')
        escaped_ = inside_;
    }
  }
  bool inside() const { return inside_; }

 private:
  bool inside_ = false;
  bool escaped_ = false;
};

Json look_up(Json at, const std::vector<std::string>& path) {
  for (const auto& step : path) {
    int64_t i = 0;
    if (at.is_array() && text::parse_int(step, 0, 1'000'000, &i))
      at = at.at(static_cast<size_t>(i));
    else
      at = at.get(step);
  }
  return at;
}

std::string plain(const Json& v) {
  if (v.is_null()) return {};
  return v.is_string() ? v.str() : v.dump();
}

}  // namespace

Result<Template> Template::make(std::string_view text, bool json) {
  Template out;
  StringState state;
  while (!text.empty()) {
    Part part;
    size_t open = text.find("{{");
    part.literal = text.substr(0, open);
    state.feed(part.literal);
    if (open != text.npos) {
      size_t close = text.find("}}", open);
      if (close == text.npos) return fail("a {{ is not closed by }}");
      auto name = text::trim(text.substr(open + 2, close - open - 2));
      part.path = text::split(name, '.');
      for (const auto& step : part.path)
        if (step.empty() || step.find_first_of(" \t\n{}\"\\") != step.npos)
          return fail("{{" + text::printable(name, 40) + "}} is not a path such as data.job.name");
      if (json) part.place = state.inside() ? Place::json_string : Place::json_value;
      text.remove_prefix(close + 2);
    } else {
      text = {};
    }
    out.parts_.push_back(std::move(part));
  }
  if (json)
    if (auto sample = Json::parse(out.render(Json::object())); !sample)
      return fail("is not JSON once the placeholders are filled in: " + sample.error().what);
  return out;
}

std::string Template::render(const Json& event) const {
  std::string out;
  for (const auto& part : parts_) {
    out += part.literal;
    if (part.path.empty()) continue;
    Json value = look_up(event, part.path);
    switch (part.place) {
      case Place::plain:
        out += plain(value);
        break;
      case Place::json_value:
        out += value.dump();
        break;
      case Place::json_string: {
        std::string quoted = json_quote(plain(value));
        out.append(quoted, 1, quoted.size() - 2);
        break;
      }
    }
  }
  return out;
}

std::vector<std::string> Template::roots() const {
  std::vector<std::string> out;
  for (const auto& part : parts_)
    if (!part.path.empty()) out.push_back(part.path.front());
  return out;
}

}  // namespace sluice::sinks
