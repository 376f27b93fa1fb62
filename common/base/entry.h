// Asking the name service for an entry of passwd or group.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>

namespace sluice {

// Calls `get(char* at, size_t size)`, one of getpwnam_r and its kin, with a larger buffer until the
// entry fits. Its error; 0 also where there is no entry. `buffer` holds what the entry points to.
template <class Get>
int with_room(std::string* buffer, Get get) {
  constexpr size_t kLeast = 16U << 10;  // bytes
  constexpr size_t kMost = 16U << 20;   // a group of half a million members
  for (;;) {
    if (buffer->size() < kLeast) buffer->resize(kLeast);
    int rc = get(buffer->data(), buffer->size());
    if (rc == EINTR) continue;
    if (rc == ERANGE && buffer->size() < kMost) {
      buffer->resize(buffer->size() * 4);
      continue;
    }
    // Various ways to say that there is none; see getpwnam(3).
    return rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM ? 0 : rc;
  }
}

}  // namespace sluice
