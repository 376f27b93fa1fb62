// A table for people: columns as wide as their widest cell, the last one unpadded. Cells come from
// outside, so control characters are shown, not obeyed.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void row(std::vector<std::string> cells);  // as many as the head has; empty ones become "-"
  std::string text() const;                  // lines, each with its newline

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice::cli
