#include "common/cli/table.h"

#include <algorithm>

#include "common/base/text.h"

namespace sluice::cli {
namespace {

constexpr size_t kWidest = 400;  // bytes of a cell

// Characters, as far as a terminal gives each one cell.
size_t width(const std::string& utf8) {
  return static_cast<size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::row(std::vector<std::string> cells) {
  for (auto& cell : cells) cell = cell.empty() ? "-" : text::printable(cell, kWidest);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string out;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace sluice::cli
