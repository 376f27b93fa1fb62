// The inbox's format, shared by its writer and its reader. docs/formats.md is the specification.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::inbox {

constexpr const char* kMagic = "SLUICE1";
constexpr size_t kMaxHeader = 128;

// A file of the inbox that sluiced makes: "gap PID COUNT TIME_US", rewritten by a hook that had to
// drop a record.
constexpr const char* kGapFile = "gap";
constexpr size_t kGapSize = 64;

// FNV-1a, 64 bits: tells a torn or foreign file from a record. Not a defence against forgery:
// that is the folder's permissions.
class Checksum {
 public:
  void add(const char* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      h_ ^= static_cast<unsigned char>(bytes[i]);
      h_ *= 0x100000001b3ULL;
    }
  }
  uint64_t value() const { return h_; }

 private:
  uint64_t h_ = 0xcbf29ce484222325ULL;
};

}  // namespace sluice::inbox
