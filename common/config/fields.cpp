#include "common/config/fields.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/http/url.h"

namespace sluice::config {
namespace {

std::string list(std::initializer_list<std::string_view> words) {
  std::string out;
  for (auto w : words) {
    if (!out.empty()) out += ", ";
    out += '"';
    out += w;
    out += '"';
  }
  return out;
}

constexpr const char* kHidden = "(hidden)";
constexpr size_t kMostShown = 80;

// Keys whose value must not be printed back.
bool secret(std::string_view key) {
  for (std::string_view word : {"secret", "token", "password", "headers", "template"})
    if (key.find(word) != key.npos) return true;
  return false;
}

bool url_key(std::string_view key) {
  return key == "url" || key == "endpoint" || key == "proxy";
}

std::string shown_url(const std::string& text) {
  if (http::parse_url(text)) return json_quote(http::shown_url(text));
  // No URL that anybody could use, and so no telling where in it the host is.
  if (text.find('@') != text.npos) return kHidden;
  size_t scheme = text.find("://");
  size_t path = text.find_first_of("/\\?#", scheme == text.npos ? 0 : scheme + 3);
  if (path == text.npos || path + 1 == text.size())
    return json_quote(text::printable(text, kMostShown));
  return json_quote(text::printable(text.substr(0, path), kMostShown) + "…");
}

}  // namespace

std::string Problem::text() const {
  std::string out = path + ": ";
  if (!value.empty()) out += value + ": ";
  return out + allowed;
}

std::string shown(const Json& value) {
  if (value.is_object()) return "(an object)";
  if (value.is_array()) return "(an array)";
  return value.is_string() ? kHidden : text::printable(value.dump(), kMostShown);
}

std::string shown(const std::string& text) {
  if (text.find("://") != text.npos) return shown_url(text);
  return text::printable(json_quote(text), kMostShown);
}

bool usable(const Problems& problems) {
  return std::ranges::all_of(problems, [](const Problem& p) { return p.warning; });
}

Fields::Fields(Json object, std::string path, Problems* problems)
    : object_(std::move(object)), path_(std::move(path)), problems_(problems) {
  if (!object_.is_object())
    problems_->push_back(
        {path_.empty() ? "(top)" : path_, shown(object_), "must be an object", false});
}

std::string Fields::path(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void Fields::problem(const std::string& key, std::string allowed, bool warning) {
  problems_->push_back({path(key), shown_value(key), std::move(allowed), warning});
}

std::string Fields::shown_value(const std::string& key) const {
  if (!object_.has(key)) return {};
  Json value = object_.get(key);
  std::string text = value.str();
  bool file = key == "secret_file" && text.starts_with('/');
  if (secret(key) && !file) return kHidden;
  if (!value.is_string() || !known_.contains(key)) return shown(value);
  return url_key(key) ? shown_url(text) : shown(text);
}

std::string Fields::str(const std::string& key, std::string_view fallback) {
  known_.insert(key);
  if (!object_.has(key)) return std::string(fallback);
  Json v = object_.get(key);
  if (v.is_string()) return v.str();
  problem(key, "must be a string");
  return std::string(fallback);
}

std::string Fields::required_str(const std::string& key) {
  std::string v = str(key);
  if (!object_.has(key))
    problem(key, "is missing; a string is needed");
  else if (v.empty() && object_.get(key).is_string())
    problem(key, "must not be empty");
  return v;
}

std::string Fields::one_of(const std::string& key, std::initializer_list<std::string_view> allowed,
                           std::string_view fallback) {
  std::string v = str(key, fallback);
  if (std::ranges::find(allowed, v) != allowed.end()) return v;
  if (object_.has(key) && object_.get(key).is_string())
    problem(key, "must be one of " + list(allowed));
  return std::string(fallback);
}

int64_t Fields::integer(const std::string& key, int64_t fallback, int64_t min, int64_t max) {
  known_.insert(key);
  if (!object_.has(key)) return fallback;
  Json v = object_.get(key);
  if (v.is_int() && v.integer() >= min && v.integer() <= max) return v.integer();
  problem(key, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return fallback;
}

bool Fields::boolean(const std::string& key, bool fallback) {
  known_.insert(key);
  if (!object_.has(key)) return fallback;
  Json v = object_.get(key);
  if (v.is_bool()) return v.boolean();
  problem(key, "must be true or false");
  return fallback;
}

std::vector<std::string> Fields::strings(const std::string& key) {
  known_.insert(key);
  std::vector<std::string> out;
  if (!object_.has(key)) return out;
  Json v = object_.get(key);
  if (v.is_string()) return {v.str()};
  bool good = v.is_array();
  for (size_t i = 0; i < v.size() && good; ++i) {
    good = v.at(i).is_string();
    out.push_back(v.at(i).str());
  }
  if (!good) problem(key, "must be a string or an array of strings");
  return good ? out : std::vector<std::string>{};
}

Json Fields::object(const std::string& key) {
  known_.insert(key);
  Json v = object_.get(key);
  if (!object_.has(key) || v.is_object()) return v;
  problem(key, "must be an object");
  return {};
}

Json Fields::array(const std::string& key) {
  known_.insert(key);
  Json v = object_.get(key);
  if (!object_.has(key) || v.is_array()) return v;
  problem(key, "must be an array");
  return {};
}

Json Fields::any(const std::string& key) {
  known_.insert(key);
  return object_.get(key);
}

void Fields::finish(bool warn) {
  for (const auto& [key, value] : object_.members()) {
    if (known_.contains(key)) continue;
    std::string allowed = "unknown key; known here:";
    for (const auto& k : known_) allowed += " " + k;
    problem(key, allowed, warn);
  }
}

}  // namespace sluice::config
