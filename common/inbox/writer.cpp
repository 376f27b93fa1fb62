#include "common/inbox/writer.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "common/base/fault.h"
#include "common/inbox/format.h"

namespace sluice::inbox {
namespace {

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
  return true;
}

bool Writer::write(const char* kind, const Record& record) {
  if (dir_[0] == '\0') return false;
  uint64_t lost = dropped_.load(std::memory_order_relaxed);
  if (lost > 0) {
    Record gap;
    gap.add_number("dropped", static_cast<int64_t>(lost));
    if (put("gap", gap)) {
      dropped_.fetch_sub(lost, std::memory_order_relaxed);
      char line[400];
      snprintf(line, sizeof line, "sluice: inbox %s takes records again, %llu were dropped", dir_,
               static_cast<unsigned long long>(lost));
      if (log_ != nullptr) log_(line);
    }
  }
  return put(kind, record);
}

bool Writer::put(const char* kind, const Record& record) {
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
  int header_size =
      snprintf(header, sizeof header, "%s %s %lld %zu %016llx\n", kMagic, kind,
               static_cast<long long>(wall_us), payload,
               static_cast<unsigned long long>(sum.value()));
  iov[0] = {header, static_cast<size_t>(header_size)};

  char name[64];
  snprintf(name, sizeof name, "%016llx-%s-%x-%x",
           static_cast<unsigned long long>(nanoseconds(CLOCK_BOOTTIME)), boot_,
           static_cast<unsigned>(::getpid()),
           counter_.fetch_add(1, std::memory_order_relaxed));
  char hidden[sizeof dir_ + 72];
  char visible[sizeof dir_ + 72];
  snprintf(hidden, sizeof hidden, "%s/.%s", dir_, name);
  snprintf(visible, sizeof visible, "%s/%s", dir_, name);

  int fd = ::open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) {
    dropped("create a record in", errno);
    return false;
  }
  bool good = write_all(fd, iov, n, static_cast<size_t>(header_size) + payload);
  int err = errno;
  ::close(fd);
  if (good) {
    fault::point("hook.written");
    good = ::rename(hidden, visible) == 0;
    err = errno;
    fault::point("hook.renamed");
  }
  if (!good) {
    ::unlink(hidden);
    dropped("write a record to", err);
  }
  return good;
}

void Writer::dropped(const char* what, int err) {
  uint64_t before = dropped_.fetch_add(1, std::memory_order_relaxed);
  mark_gap(before + 1);
  if (before > 0 || log_ == nullptr) return;  // said once, until it is mended
  char text[128];
  char line[480];
  snprintf(line, sizeof line,
           "sluice: cannot %s inbox %s: %s; events are dropped (jobs are not affected) and found "
           "again by sluiced's reconciling when this is mended",
           what, dir_, strerror_r(err, text, sizeof text));
  log_(line);
}

// The marker was made by sluiced with its page allocated, so that this works on a full tmpfs. It
// is a hint to reconcile soon: the last writer wins, and nothing here waits for another.
void Writer::mark_gap(uint64_t count) {
  char path[sizeof dir_ + 16];
  snprintf(path, sizeof path, "%s/%s", dir_, kGapFile);
  int fd = ::open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  char text[kGapSize + 1];
  snprintf(text, sizeof text, "gap %-10x %-20llu %-20lld\n", static_cast<unsigned>(::getpid()),
           static_cast<unsigned long long>(count),
           static_cast<long long>(nanoseconds(CLOCK_REALTIME) / 1000));
  ssize_t ignored = ::pwrite(fd, text, strnlen(text, kGapSize), 0);
  (void)ignored;  // nothing more can be done here
  ::close(fd);
}

}  // namespace sluice::inbox
