// Whole small files, read with a bound and written so that a reader sees the old one or the new.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace sluice::file {

// The file's bytes; an error if it cannot be read or is larger than `max`.
Result<std::string> read(const std::string& path, size_t max = 16U << 20);

// Writes beside `path`, syncs, renames over it and syncs the folder. `mode` as chmod's.
Result<void> write_atomic(const std::string& path, std::string_view bytes, unsigned mode = 0644);

// Creates the folder and its missing parents, each with `mode`.
Result<void> make_dirs(const std::string& path, unsigned mode = 0755);

}  // namespace sluice::file
