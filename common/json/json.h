// The one JSON wrapper: a reference-counted value over json-c. Copies share the value, as json-c's
// own references do; a value is used by one thread at a time.
#pragma once

#include <json-c/json_types.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace sluice {

class Json {
 public:
  Json() = default;  // null
  Json(const Json& o);
  Json(Json&& o) noexcept : v_(std::exchange(o.v_, nullptr)) {}
  Json& operator=(Json o) noexcept {
    std::swap(v_, o.v_);
    return *this;
  }
  ~Json();

  static Json object();
  static Json array();
  static Json of(std::string_view utf8);  // the caller makes sure of UTF-8 (text::to_utf8)
  static Json of(const char* utf8) { return of(std::string_view(utf8)); }
  static Json of(int64_t v);
  static Json of(int v) { return of(int64_t{v}); }
  static Json of(bool v);
  static Json of(double v);

  // One JSON value and nothing after it; at most `depth` levels. With `comments`, /* */ and // are
  // allowed (configuration files). The error names line and column.
  static Result<Json> parse(std::string_view text, bool comments = false, int depth = 64);

  bool is_null() const { return v_ == nullptr; }
  bool is_object() const;
  bool is_array() const;
  bool is_string() const;
  bool is_int() const;
  bool is_number() const;
  bool is_bool() const;
  const char* type_name() const;  // "object", "array", "string", "integer", "number", …

  // Members: null where absent or where this is no object.
  Json get(std::string_view key) const;
  bool has(std::string_view key) const;
  void set(const std::string& key, Json value);
  void remove(const std::string& key);
  std::vector<std::pair<std::string, Json>> members() const;

  size_t size() const;  // elements of an array, members of an object, else 0
  Json at(size_t i) const;
  void push(Json value);

  std::string str(std::string_view fallback = {}) const;  // a string's bytes, else fallback
  int64_t integer(int64_t fallback = 0) const;
  double number(double fallback = 0) const;
  bool boolean(bool fallback = false) const;

  std::string dump() const;    // one line, no spaces, '/' not escaped
  std::string pretty() const;  // for people

 private:
  explicit Json(json_object* owned) : v_(owned) {}
  json_object* v_ = nullptr;
};

// A JSON string literal, quotes included, for writers that build text by hand.
std::string json_quote(std::string_view utf8);
void json_quote_to(std::string* out, std::string_view utf8);
// Without the quotes around it.
void json_escape_to(std::string* out, std::string_view utf8);

}  // namespace sluice
