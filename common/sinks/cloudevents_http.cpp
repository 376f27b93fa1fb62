#include "common/sinks/cloudevents_http.h"

#include "common/base/text.h"

namespace sluice::sinks {

std::string header_value(std::string_view utf8) {
  return text::percent_encode(
      utf8, [](unsigned char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '%'; });
}

BinaryEvent to_binary(const Json& event) {
  BinaryEvent out;
  std::string content_type = "application/json";
  for (const auto& [name, value] : event.members()) {
    if (name == "data") {
      out.body = value.dump();
    } else if (name == "datacontenttype") {
      content_type = value.str(content_type);
    } else if (!value.is_null()) {
      out.headers.emplace_back("ce-" + name,
                               header_value(value.is_string() ? value.str() : value.dump()));
    }
  }
  out.headers.emplace_back("Content-Type", content_type);
  return out;
}

}  // namespace sluice::sinks
