// RFC 9110 §5.6.2: what a header's name may be.
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice::http {

inline bool is_token(std::string_view s) {
  return !s.empty() && std::ranges::all_of(s, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace sluice::http
