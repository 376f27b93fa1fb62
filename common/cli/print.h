// What the command writes: results on standard output, one JSON document with --json, and what is
// wrong on standard error, or, with --json, on standard output as {"error": "…"}.
#pragma once

#include <string>
#include <string_view>

#include "common/cli/command.h"
#include "common/json/json.h"

namespace sluice::cli {

void print_line(std::string_view line);   // and a newline
void print_json(const Json& document);    // one line; flushed, for who reads along
void print_error(std::string_view what);  // "sluice: what", on standard error

// Says what is wrong the way `common` wants it, and returns `code`.
int failed(const Common& common, const std::string& what, int code);

// "1.2 GiB"
std::string bytes(int64_t n);

}  // namespace sluice::cli
