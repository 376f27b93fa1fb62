// The file in which a timed plugin leaves its measurements: a header and fixed rows, mapped into
// memory, so that writing one costs no system call. Python reads it (bench/timings.py).
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace sluice::bench {

struct Row {
  int64_t kind;      // hooks: 0 start, 1 end; asks: 0 one job, 1 all jobs
  int64_t wall_us;   // when it began, CLOCK_REALTIME
  int64_t total_ns;  // wall time of the whole
  int64_t env_ns;    // of that in job_common_env_vars
  int64_t own_ns;    // total less env less what the measuring itself took
  int64_t cpu_ns;    // the thread's CPU time meanwhile
  int64_t peer_ns;   // a bare create, write and rename of the same bytes; 0: not made
  int64_t bytes;
};

constexpr int64_t kRows = 1 << 18;

struct File {
  std::atomic<int64_t> used;
  int64_t unused[7];
  Row rows[kRows];
};

inline int64_t nanoseconds(clockid_t clock) {
  timespec ts{};
  clock_gettime(clock, &ts);
  return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

// Null where it cannot be had. The file grows with the rows: it is sparse.
inline File* map_timings(const char* path) {
  int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return nullptr;
  void* at = MAP_FAILED;
  if (::ftruncate(fd, sizeof(File)) == 0)
    at = ::mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<File*>(at);
}

inline void add(File* file, const Row& row) {
  if (file == nullptr) return;
  int64_t at = file->used.fetch_add(1);
  if (at < kRows) file->rows[at] = row;
}

}  // namespace sluice::bench
