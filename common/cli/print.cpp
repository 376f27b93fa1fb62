#include "common/cli/print.h"

#include <array>
#include <cstdio>

namespace sluice::cli {

void print_line(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  fwrite(whole.data(), 1, whole.size(), stdout);
}

void print_json(const Json& document) {
  print_line(document.dump());
  fflush(stdout);
}

void print_error(std::string_view what) {
  fflush(stdout);
  std::string line = "sluice: ";
  line += what;
  line += '\n';
  fwrite(line.data(), 1, line.size(), stderr);
}

int failed(const Common& common, const std::string& what, int code) {
  if (common.json) {
    Json out = Json::object();
    out.set("error", Json::of(what));
    print_json(out);
  } else {
    print_error(what);
  }
  return code;
}

std::string bytes(int64_t n) {
  static constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(n);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  char text[48];
  snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

}  // namespace sluice::cli
