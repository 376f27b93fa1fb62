#include "common/base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace sluice::text {
namespace {

char lower_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Length of the well-formed UTF-8 sequence at the start of s, 0 if there is none (RFC 3629 §4).
size_t sequence_length(std::string_view s) {
  auto at = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  auto tail = [&](size_t i) { return at(i) >= 0x80 && at(i) <= 0xBF; };
  unsigned c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    unsigned lo = c == 0xE0 ? 0xA0 : 0x80;
    unsigned hi = c == 0xED ? 0x9F : 0xBF;
    return at(1) >= lo && at(1) <= hi && tail(2) ? 3 : 0;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    unsigned lo = c == 0xF0 ? 0x90 : 0x80;
    unsigned hi = c == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= lo && at(1) <= hi && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    size_t n = sequence_length(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

std::string to_utf8(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    size_t n = sequence_length(s);
    if (n == 0) {
      out += kReplacement;
      n = 1;
    } else {
      out += s.substr(0, n);
    }
    s.remove_prefix(n);
  }
  return out;
}

std::string printable(std::string_view raw, size_t max) {
  std::string out;
  std::string clean = to_utf8(raw);
  std::string_view s = clean;
  while (!s.empty()) {
    size_t n = sequence_length(s);
    auto c = static_cast<unsigned char>(s[0]);
    if (out.size() + n > max) return out + "…";
    if (c < 0x20 || c == 0x7F) {
      char buf[8];
      snprintf(buf, sizeof buf, "\\x%02x", c);
      out += buf;
    } else {
      out += s.substr(0, n);
    }
    s.remove_prefix(n);
  }
  return out;
}

std::string percent_encode(std::string_view bytes, bool (*plain)(unsigned char)) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (unsigned char c : bytes) {
    if (plain(c)) {
      out += static_cast<char>(c);
      continue;
    }
    out += '%';
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::string base64(std::string_view b) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((b.size() + 2) / 3 * 4);
  for (size_t i = 0; i < b.size(); i += 3) {
    auto byte = [&](size_t k) {
      return i + k < b.size() ? static_cast<unsigned char>(b[i + k]) : 0U;
    };
    unsigned v = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += digits[v >> 18];
    out += digits[v >> 12 & 63];
    out += i + 1 < b.size() ? digits[v >> 6 & 63] : '=';
    out += i + 2 < b.size() ? digits[v & 63] : '=';
  }
  return out;
}

bool from_base64(std::string_view t, std::string* out) {
  out->clear();
  if (t.size() % 4 != 0) return false;
  size_t pad = t.ends_with("==") ? 2 : t.ends_with("=") ? 1 : 0;
  unsigned acc = 0;
  int bits = 0;
  for (char c : t.substr(0, t.size() - pad)) {
    int v = base64_value(c);
    if (v < 0) return false;
    acc = acc << 6 | static_cast<unsigned>(v);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      *out += static_cast<char>(acc >> bits & 0xFF);
    }
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), &lower_letter);
  return out;
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, &lower_letter, &lower_letter);
}

std::vector<std::string> split(std::string_view s, char sep) {
  std::vector<std::string> out;
  for (;;) {
    size_t at = s.find(sep);
    out.emplace_back(s.substr(0, at));
    if (at == std::string_view::npos) return out;
    s.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view s) {
  constexpr std::string_view blank = " \t\r\n";
  size_t first = s.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(blank) - first + 1);
}

bool parse_int(std::string_view s, int64_t min, int64_t max, int64_t* out) {
  int64_t v = 0;
  auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), v);
  if (ec != std::errc{} || end != s.data() + s.size() || s.empty() || v < min || v > max)
    return false;
  *out = v;
  return true;
}

bool is_name(std::string_view s) {
  auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (s.empty() || s.size() > 64 || !alnum(s[0])) return false;
  for (char c : s)
    if (!alnum(c) && c != '_' && c != '.' && c != '-') return false;
  return true;
}

}  // namespace sluice::text
