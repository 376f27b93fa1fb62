#include "common/sinks/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/fault.h"

namespace sluice::sinks {

bool LineFile::is_current() const {
  struct stat ours{};
  struct stat named{};
  return fd_ && fstat(fd_.get(), &ours) == 0 && stat(options_.path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

Result<void> LineFile::open() {
  if (is_current()) return {};
  fd_.reset();
  // Readable, to see how the last line ends; without blocking, should the path name a FIFO.
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  bool created = true;
  Fd fd(::open(options_.path.c_str(), flags | O_CREAT | O_EXCL, options_.mode));
  if (!fd && errno == EEXIST) {
    created = false;
    fd = Fd(::open(options_.path.c_str(), flags));
  }
  if (!fd) return fail_errno("cannot open " + options_.path);
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return fail_errno("cannot look at " + options_.path);
  if (!S_ISREG(st.st_mode)) return fail(options_.path + " is not a regular file");
  // The configured mode, whatever the umask; an existing file keeps what its admin gave it.
  if (created && fchmod(fd.get(), options_.mode) != 0)
    return fail_errno("cannot set the mode of " + options_.path);
  size_ = st.st_size;
  char last = '\n';
  if (size_ > 0 && pread(fd.get(), &last, 1, size_ - 1) != 1)
    return fail_errno("cannot read " + options_.path);
  partial_ = last != '\n';
  fd_ = std::move(fd);
  return {};
}

// Nothing old is removed before the live file has its new name: until then the history has room for
// one more. What a failure leaves is a gap in it, which the next try only fills.
Result<void> LineFile::rotate() {
  auto numbered = [&](int64_t n) { return options_.path + "." + std::to_string(n); };
  if (options_.keep == 0) {
    if (unlink(options_.path.c_str()) != 0) return fail_errno("cannot remove " + options_.path);
  } else {
    int64_t gap = 1;
    while (gap <= options_.keep &&
           faccessat(AT_FDCWD, numbered(gap).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      ++gap;
    for (int64_t n = gap - 1; n >= 1; --n)
      if (rename(numbered(n).c_str(), numbered(n + 1).c_str()) != 0)
        return fail_errno("cannot rotate " + numbered(n));
    if (rename(options_.path.c_str(), numbered(1).c_str()) != 0)
      return fail_errno("cannot rotate " + options_.path);
    std::string oldest = numbered(options_.keep + 1);
    if (unlink(oldest.c_str()) != 0 && errno != ENOENT)
      return fail_errno("cannot remove " + oldest);
  }
  fault::point("file.rotated");
  return open();
}

size_t LineFile::append(std::string_view lines, std::string* why) {
  if (auto opened = open(); !opened) {
    *why = opened.error().what;
    return 0;
  }
  auto more = static_cast<int64_t>(lines.size());
  if (options_.max_bytes > 0 && size_ > 0 && size_ + more > options_.max_bytes) {
    if (auto rotated = rotate(); !rotated) {
      *why = rotated.error().what;
      return 0;
    }
  }
  std::string with_newline;
  std::string_view out = lines;
  size_t extra = 0;
  if (partial_) {
    with_newline = "\n";
    with_newline += lines;
    out = with_newline;
    extra = 1;
  }
  // One write: a regular file takes all of it unless the disk or a quota is full.
  ssize_t n = 0;
  do {
    n = write(fd_.get(), out.data(), out.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    *why = fail_errno("cannot write to " + options_.path).error().what;
    return 0;
  }
  auto written = static_cast<size_t>(n);
  size_ += n;
  if (written > 0) partial_ = out[written - 1] != '\n';
  if (written < out.size())
    *why = "only part of the lines fitted into " + options_.path + ": no space left on device";
  if (options_.sync && fdatasync(fd_.get()) != 0) {
    *why = fail_errno("cannot sync " + options_.path).error().what;
    return 0;
  }
  return written > extra ? written - extra : 0;
}

}  // namespace sluice::sinks
