#include "common/json/json.h"

#include <json-c/json.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "common/base/text.h"
#include "common/json/strict.h"

namespace sluice {

Json::Json(const Json& o) : v_(json_object_get(o.v_)) {}
Json::~Json() {
  json_object_put(v_);
}

Json Json::object() {
  return Json(json_object_new_object());
}
Json Json::array() {
  return Json(json_object_new_array());
}
Json Json::of(std::string_view s) {
  return Json(json_object_new_string_len(s.data(), static_cast<int>(s.size())));
}
Json Json::of(int64_t v) {
  return Json(json_object_new_int64(v));
}
Json Json::of(bool v) {
  return Json(json_object_new_boolean(v ? 1 : 0));
}
Json Json::of(double v) {
  return Json(json_object_new_double(v));
}

namespace {

std::string position(std::string_view text, size_t at) {
  auto before = text.substr(0, at);
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t nl = before.rfind('\n');
  size_t col = nl == before.npos ? at + 1 : at - nl;
  return "line " + std::to_string(line) + " column " + std::to_string(col) + ": ";
}

// The commonest slips by name.
std::string not_json(std::string_view text, size_t at) {
  size_t next = text.find_first_not_of(" \t\r\n", at + 1);
  if (at < text.size() && text[at] == ',' && next != text.npos &&
      strchr("}]", text[next]) != nullptr)
    return std::string("not JSON: a comma before ") + text[next];
  if (at < text.size() && text[at] == '\'') return "not JSON: strings stand in double quotes";
  return "not JSON (or an integer of more than 18 digits)";
}

// What follows the backslash in place of a byte, 'u' for those that have no letter of their own;
// 0 for bytes that stand for themselves (RFC 8259 §7).
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> t{};
  for (size_t c = 0; c < 0x20; ++c) t[c] = 'u';
  t['\n'] = 'n';
  t['\r'] = 'r';
  t['\t'] = 't';
  t['"'] = '"';
  t['\\'] = '\\';
  return t;
}();

}  // namespace

Result<Json> Json::parse(std::string_view text, bool comments, int depth) {
  if (!text::is_utf8(text)) return fail("not valid UTF-8");
  if (size_t at = beyond_json(text, comments); at != text.npos)
    return fail(position(text, at) + not_json(text, at));
  json_tokener* tok = json_tokener_new_ex(depth);
  // A final blank ends a bare number or an unfinished comment.
  std::string whole(text);
  whole += '\n';
  json_object* v = json_tokener_parse_ex(tok, whole.data(), static_cast<int>(whole.size()));
  json_tokener_error err = json_tokener_get_error(tok);
  size_t at = std::min(json_tokener_get_parse_end(tok), text.size());
  json_tokener_free(tok);
  std::string why;
  if (err == json_tokener_continue)
    why = text.empty() ? "empty text" : "ends too early";
  else if (err != json_tokener_success)
    why = json_tokener_error_desc(err);
  else if (auto rest = text.substr(at);
           rest.find_first_not_of(" \t\r\n") != rest.npos &&
           !(comments && rest.find_first_not_of(" \t\r\n") == rest.find('/')))
    why = "text after the value";
  if (why.empty()) return Json(v);
  json_object_put(v);
  return fail(position(text, at) + why);
}

bool Json::is_object() const {
  return json_object_is_type(v_, json_type_object);
}
bool Json::is_array() const {
  return json_object_is_type(v_, json_type_array);
}
bool Json::is_string() const {
  return json_object_is_type(v_, json_type_string);
}
bool Json::is_int() const {
  return json_object_is_type(v_, json_type_int);
}
bool Json::is_number() const {
  return is_int() || json_object_is_type(v_, json_type_double);
}
bool Json::is_bool() const {
  return json_object_is_type(v_, json_type_boolean);
}

const char* Json::type_name() const {
  switch (json_object_get_type(v_)) {
    case json_type_null:
      return "null";
    case json_type_boolean:
      return "boolean";
    case json_type_double:
      return "number";
    case json_type_int:
      return "integer";
    case json_type_object:
      return "object";
    case json_type_array:
      return "array";
    case json_type_string:
      return "string";
  }
  return "value";
}

Json Json::get(std::string_view key) const {
  json_object* out = nullptr;
  if (!is_object() || json_object_object_get_ex(v_, std::string(key).c_str(), &out) == 0) return {};
  return Json(json_object_get(out));
}

bool Json::has(std::string_view key) const {
  return is_object() && json_object_object_get_ex(v_, std::string(key).c_str(), nullptr) != 0;
}

void Json::set(const std::string& key, Json value) {
  json_object_object_add(v_, key.c_str(), std::exchange(value.v_, nullptr));
}

void Json::remove(const std::string& key) {
  json_object_object_del(v_, key.c_str());
}

std::vector<std::pair<std::string, Json>> Json::members() const {
  std::vector<std::pair<std::string, Json>> out;
  if (!is_object()) return out;
  json_object_object_foreach(v_, key, value) out.emplace_back(key, Json(json_object_get(value)));
  return out;
}

size_t Json::size() const {
  if (is_array()) return json_object_array_length(v_);
  if (is_object()) return static_cast<size_t>(json_object_object_length(v_));
  return 0;
}

Json Json::at(size_t i) const {
  return is_array() ? Json(json_object_get(json_object_array_get_idx(v_, i))) : Json();
}

void Json::push(Json value) {
  json_object_array_add(v_, std::exchange(value.v_, nullptr));
}

std::string Json::str(std::string_view fallback) const {
  if (!is_string()) return std::string(fallback);
  return {json_object_get_string(v_), static_cast<size_t>(json_object_get_string_len(v_))};
}

int64_t Json::integer(int64_t fallback) const {
  return is_int() ? json_object_get_int64(v_) : fallback;
}
double Json::number(double fallback) const {
  return is_number() ? json_object_get_double(v_) : fallback;
}
bool Json::boolean(bool fallback) const {
  return is_bool() ? json_object_get_boolean(v_) != 0 : fallback;
}

std::string Json::dump() const {
  return json_object_to_json_string_ext(v_,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
std::string Json::pretty() const {
  return json_object_to_json_string_ext(
      v_, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

void json_escape_to(std::string* out, std::string_view s) {
  // In pieces through a buffer that holds the longest that one can become, without a branch for
  // each quote: what EventBridge gets is JSON within JSON, every eighth byte of it a quote.
  constexpr size_t kPiece = 256;
  std::array<char, kPiece * 6 + 1> piece;  // snprintf ends what it writes with a zero
  while (!s.empty()) {
    char* to = piece.data();
    for (char byte : s.substr(0, kPiece)) {
      auto c = static_cast<unsigned char>(byte);
      char escape = kEscapes[c];
      if (escape == 'u') [[unlikely]] {
        to += snprintf(to, 7, "\\u%04x", c);
        continue;
      }
      *to = '\\';
      to += escape != 0;
      *to++ = escape != 0 ? escape : byte;
    }
    out->append(piece.data(), static_cast<size_t>(to - piece.data()));
    s.remove_prefix(std::min(s.size(), kPiece));
  }
}

void json_quote_to(std::string* out, std::string_view s) {
  *out += '"';
  json_escape_to(out, s);
  *out += '"';
}

std::string json_quote(std::string_view s) {
  std::string out;
  out.reserve(s.size() + 2);
  json_quote_to(&out, s);
  return out;
}

}  // namespace sluice
