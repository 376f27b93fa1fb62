// The hook writer: how code inside slurmctld, slurmstepd or any C program leaves one raw record in
// the inbox. One record is one small file, written under a dot name and renamed, so a reader sees
// whole records only. docs/formats.md describes names and bytes.
//
// It must never cost a job: no lock, no allocation, no exception, no wait; a few system calls on a
// tmpfs. What cannot be written is counted, reported once through the log callback and in the
// inbox's gap marker, and told by a gap record after the next record that goes through.
//
// Thread-safe. Async-signal-unsafe. Survives fork (the pid is read each time).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::inbox {

constexpr size_t kMaxStrings = 192;         // strings in a record
constexpr size_t kMaxString = 64U << 10;    // bytes of one, the rest is cut off
constexpr size_t kMaxPayload = 256U << 10;  // bytes of all

// What a record is: its strings are "KEY=VALUE". Names that start with '@' are the hook's own,
// others are Slurm's environment variables.
class Record {
 public:
  Record() = default;
  Record(const Record&) = delete;  // it points into itself
  Record& operator=(const Record&) = delete;

  // `text` stays the caller's and must outlive write().
  void add(const char* text);
  // "@name=number", kept inside the record; for the hook's own fields.
  void add_number(const char* name, int64_t value);

  size_t count() const { return count_; }

 private:
  friend class Writer;
  struct String {
    const char* text;
    size_t size;
  };
  String strings_[kMaxStrings];
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool cut_ = false;
  char numbers_[512];
  size_t numbers_used_ = 0;
};

class Writer {
 public:
  using Log = void (*)(const char* line);

  // `dir` is copied; false if it is no absolute path or too long. Call before write(), once.
  bool configure(const char* dir, Log log);

  // Writes one record; `kind` as in docs/formats.md ("start", "end", …). False if it was dropped.
  bool write(const char* kind, const Record& record);

  const char* dir() const { return dir_; }

 private:
  const char* put(int dir, const char* kind, const Record& record);
  bool has_room(int dir);
  bool may_log();
  void tell_gap(int dir);
  void dropped(int dir, const char* what, int err);
  void mark_gap(int dir, uint64_t count);

  char dir_[256] = {};
  char boot_[9] = {};
  Log log_ = nullptr;
  std::atomic<uint32_t> counter_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint32_t> puts_{0};
  std::atomic<bool> crowded_{false};
  std::atomic<int64_t> logged_ns_{0};
};

}  // namespace sluice::inbox
