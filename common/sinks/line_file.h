// A file of lines that is only ever appended to, so that `tail -F` follows it: one write a batch,
// rotation by rename. Written by one process, by one thread.
//
// A line is complete only with its newline. What a crash or a full disk left without one stays as
// it is; the next write starts on a new line, so readers skip one line that is not JSON.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/fd.h"

namespace sluice::sinks {

struct LineFileOptions {
  std::string path;
  mode_t mode = 0640;
  int64_t max_bytes = 0;  // rotate before growing past this; 0: never
  int64_t keep = 5;       // rotated files kept: PATH.1 (the newest) to PATH.keep; one more while a
                          // rotation is not finished
  bool sync = false;      // fdatasync after each write
};

class LineFile {
 public:
  explicit LineFile(LineFileOptions options) : options_(std::move(options)) {}

  // Opens the file if it is not open, was moved away or was deleted.
  Result<void> open();

  // Appends `lines`, which end in a newline each. Returns how many of its bytes are in the file,
  // which is less than all only after an error, told in `why`.
  size_t append(std::string_view lines, std::string* why);

 private:
  Result<void> rotate();
  bool is_current() const;

  LineFileOptions options_;
  Fd fd_;
  int64_t size_ = 0;
  bool partial_ = false;  // the file's last line has no newline
};

}  // namespace sluice::sinks
