// Wakes a thread that waits in poll(2).
#pragma once

#include <sys/eventfd.h>

#include <cstdint>

#include "common/base/fd.h"

namespace sluice {

class EventFd {
 public:
  // Any thread; never waits. That the write fails means that a wake-up is pending already.
  void wake() const {
    uint64_t one = 1;
    ssize_t ignored = ::write(fd_.get(), &one, sizeof one);
    (void)ignored;
  }
  // True if there was a wake-up since the last time.
  bool take() const {
    uint64_t count = 0;
    return ::read(fd_.get(), &count, sizeof count) > 0;
  }
  int get() const { return fd_.get(); }  // readable from wake() to take()

 private:
  Fd fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

}  // namespace sluice
