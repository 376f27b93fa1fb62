// Text from outside: made safe to show, to store and to put into JSON. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

// The same text with every byte that is not part of a well-formed UTF-8 sequence (RFC 3629)
// replaced by U+FFFD. Control characters stay: JSON escapes them.
std::string to_utf8(std::string_view raw);
bool is_utf8(std::string_view raw);

// For logs and terminals: valid UTF-8, control characters as \xNN, cut to `max` bytes with "…".
std::string printable(std::string_view raw, size_t max = 200);

// Bytes that are not `plain` as %XX (RFC 3986 §2.1).
std::string percent_encode(std::string_view bytes, bool (*plain)(unsigned char));

std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
// False if the text is not base64 (RFC 4648, with padding).
bool from_base64(std::string_view text, std::string* out);

// ASCII letters alone, as in the names of HTTP headers.
std::string lower(std::string_view text);
bool same_letters(std::string_view a, std::string_view b);  // but for their case

std::vector<std::string> split(std::string_view text, char sep);
std::string_view trim(std::string_view text);

// Whole text as a decimal number within [min, max]; false otherwise.
bool parse_int(std::string_view text, int64_t min, int64_t max, int64_t* out);

// Sink, route and partition names: [A-Za-z0-9][A-Za-z0-9_.-]{0,63}.
bool is_name(std::string_view text);

}  // namespace sluice::text
