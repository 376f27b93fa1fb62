#include "common/inbox/writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "common/base/fault.h"
#include "common/inbox/format.h"

namespace sluice::inbox {
namespace {

constexpr uint32_t kRoomEvery = 16;  // records between two looks at the room
constexpr int64_t kLogEveryNs = 60 * int64_t{1'000'000'000};  // between two lines of log

int64_t nanoseconds(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

// All of it or an error: tmpfs writes short only when it is full.
bool write_all(int fd, iovec* iov, size_t n, size_t total) {
  size_t done = 0;
  while (n > 0) {
    ssize_t w = ::writev(fd, iov, static_cast<int>(n));
    if (w < 0 && errno == EINTR) continue;
    if (w < 0) return false;
    done += static_cast<size_t>(w);
    if (done == total) return true;
    if (w == 0) break;
    auto left = static_cast<size_t>(w);
    while (n > 0 && left >= iov->iov_len) {
      left -= iov->iov_len;
      ++iov;
      --n;
    }
    if (n > 0) {
      iov->iov_base = static_cast<char*>(iov->iov_base) + left;
      iov->iov_len -= left;
    }
  }
  errno = ENOSPC;
  return false;
}

}  // namespace

void Record::add(const char* text) {
  if (text == nullptr) return;
  size_t n = strnlen(text, kMaxString);
  cut_ = cut_ || text[n] != '\0';
  // One place and 64 bytes are kept for the mark that says something was cut.
  if (count_ + 1 >= kMaxStrings || bytes_ + n + 64 > kMaxPayload) {
    cut_ = true;
    return;
  }
  strings_[count_++] = {text, n};
  bytes_ += n + 1;
}

void Record::add_number(const char* name, int64_t value) {
  char* at = numbers_ + numbers_used_;
  size_t room = sizeof numbers_ - numbers_used_;
  int n = snprintf(at, room, "@%s=%lld", name, static_cast<long long>(value));
  if (n < 0 || static_cast<size_t>(n) >= room) {
    cut_ = true;
    return;
  }
  numbers_used_ += static_cast<size_t>(n) + 1;
  add(at);
}

bool Writer::configure(const char* dir, Log log) {
  log_ = log;
  size_t n = dir == nullptr ? 0 : strlen(dir);
  if (n == 0 || n + 64 > sizeof dir_ || dir[0] != '/') return false;
  memcpy(dir_, dir, n + 1);
  // The boot id keeps ids apart when pids and the monotonic clock start anew.
  int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::read(fd, boot_, 8) != 8) memcpy(boot_, "00000000", 9);
  if (fd >= 0) ::close(fd);
  // Two plugins in one process have a writer each: their counters must not meet.
  counter_ = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(this) >> 4 & 0xfff) << 20;
  return true;
}

bool Writer::write(const char* kind, const Record& record) {
  if (dir_[0] == '\0') return false;
  // Opened each time, since the tmpfs may be mounted anew; not through a link, since the folder
  // above may be another user's.
  int dir = ::open(dir_, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) {
    dropped(-1, "open", errno);
    return false;
  }
  const char* failed = put(dir, kind, record);
  if (failed != nullptr)
    dropped(dir, failed, errno);
  else
    tell_gap(dir);
  ::close(dir);
  return failed == nullptr;
}

// The records that were dropped are told of once one has gone through again.
void Writer::tell_gap(int dir) {
  uint64_t lost = dropped_.load(std::memory_order_relaxed);
  if (lost == 0) return;
  Record gap;
  gap.add_number("dropped", static_cast<int64_t>(lost));
  if (put(dir, "gap", gap) != nullptr) return;
  dropped_.fetch_sub(lost, std::memory_order_relaxed);
  if (!may_log()) return;
  char line[400];
  snprintf(line, sizeof line, "sluice: inbox %s takes records again, %llu were dropped", dir_,
           static_cast<unsigned long long>(lost));
  log_(line);
}

// Null, or what failed, with errno.
const char* Writer::put(int dir, const char* kind, const Record& record) {
  if (!has_room(dir)) {
    errno = ENOSPC;
    return "write a record to";
  }
  iovec iov[kMaxStrings + 2];
  Checksum sum;
  size_t payload = 0;
  size_t n = 1;
  auto add = [&](const char* text, size_t size) {
    // The string and a NUL of our own: a string that was cut has none at its end.
    static const char nul = '\0';
    bool terminated = text[size] == '\0';
    iov[n++] = {const_cast<char*>(text), size + (terminated ? 1 : 0)};
    if (!terminated) iov[n++] = {const_cast<char*>(&nul), 1};
    sum.add(text, size);
    sum.add(&nul, 1);
    payload += size + 1;
  };
  for (size_t i = 0; i < record.count_ && n < kMaxStrings; ++i)
    add(record.strings_[i].text, record.strings_[i].size);
  if (record.cut_) add("@cut=1", 6);

  int64_t wall_us = nanoseconds(CLOCK_REALTIME) / 1000;
  char header[kMaxHeader];
  int header_size = snprintf(header, sizeof header, "%s %s %lld %zu %016llx\n", kMagic, kind,
                             static_cast<long long>(wall_us), payload,
                             static_cast<unsigned long long>(sum.value()));
  iov[0] = {header, static_cast<size_t>(header_size)};

  char hidden[72];
  snprintf(hidden, sizeof hidden, ".%016llx-%s-%x-%x",
           static_cast<unsigned long long>(nanoseconds(CLOCK_BOOTTIME)), boot_,
           static_cast<unsigned>(::getpid()), counter_.fetch_add(1, std::memory_order_relaxed));
  const char* visible = hidden + 1;
  int fd = ::openat(dir, hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return "create a record in";
  // sluiced reads it through the folder's group, whatever umask slurmctld was given.
  (void)::fchmod(fd, 0640);
  bool good = write_all(fd, iov, n, static_cast<size_t>(header_size) + payload);
  int err = errno;
  ::close(fd);
  if (good) {
    fault::point("hook.written");
    good = ::renameat(dir, hidden, dir, visible) == 0;
    err = errno;
    fault::point("hook.renamed");
  }
  if (good) return nullptr;
  ::unlinkat(dir, hidden, 0);
  errno = err;
  return "write a record to";
}

// The bound is the tmpfs's own size. Where somebody left the inbox on a filesystem that others
// need, its last tenth is left to them.
bool Writer::has_room(int dir) {
  if (puts_.fetch_add(1, std::memory_order_relaxed) % kRoomEvery != 0)
    return !crowded_.load(std::memory_order_relaxed);
  struct statfs fs{};
  bool crowded = ::fstatfs(dir, &fs) == 0 && (fs.f_bavail < fs.f_blocks / 10 ||
                                              (fs.f_files > 0 && fs.f_ffree < fs.f_files / 10));
  crowded_.store(crowded, std::memory_order_relaxed);
  if (crowded) puts_.store(0, std::memory_order_relaxed);  // look again at the next record
  return !crowded;
}

bool Writer::may_log() {
  if (log_ == nullptr) return false;
  int64_t now = nanoseconds(CLOCK_BOOTTIME);
  int64_t last = logged_ns_.load(std::memory_order_relaxed);
  if (last != 0 && now - last < kLogEveryNs) return false;
  logged_ns_.store(now, std::memory_order_relaxed);
  return true;
}

void Writer::dropped(int dir, const char* what, int err) {
  uint64_t before = dropped_.fetch_add(1, std::memory_order_relaxed);
  if (dir >= 0) mark_gap(dir, before + 1);
  // Said once, until it is mended; an inbox that hovers at its bound is mended all the time.
  if (before > 0 || !may_log()) return;
  char text[128];
  char line[480];
  snprintf(line, sizeof line,
           "sluice: cannot %s inbox %s: %s; events are dropped (jobs are not affected) and found "
           "again by sluiced's reconciling when this is mended",
           what, dir_, strerror_r(err, text, sizeof text));
  log_(line);
}

// The marker was made by sluiced with its page allocated, so that this works on a full tmpfs. It
// is a hint to reconcile soon: the last writer wins, and nothing here waits for another. It is
// another user's file: whatever it has become, opening it must not wait.
void Writer::mark_gap(int dir, uint64_t count) {
  int fd = ::openat(dir, kGapFile, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  struct stat st{};
  if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    char text[kGapSize + 1];
    snprintf(text, sizeof text, "gap %-10x %-20llu %-20lld\n", static_cast<unsigned>(::getpid()),
             static_cast<unsigned long long>(count),
             static_cast<long long>(nanoseconds(CLOCK_REALTIME) / 1000));
    ssize_t ignored = ::pwrite(fd, text, strnlen(text, kGapSize), 0);
    (void)ignored;  // nothing more can be done here
  }
  ::close(fd);
}

}  // namespace sluice::inbox
