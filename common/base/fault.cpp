#include "common/base/fault.h"

#ifdef SLUICE_FAULT_POINTS

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace sluice::fault {

namespace {

// Read when the program or plugin is loaded: a guarded static would need the C++ runtime, an
// unguarded one would race.
const char* const wanted = getenv("SLUICE_FAULT");
std::atomic<long> passed{0};

}  // namespace

void point(const char* name) {
  if (wanted == nullptr) return;
  size_t n = strlen(name);
  if (strncmp(wanted, name, n) != 0 || (wanted[n] != '\0' && wanted[n] != ':')) return;
  long nth = wanted[n] == ':' ? strtol(wanted + n + 1, nullptr, 10) : 1;
  if (passed.fetch_add(1) + 1 == nth) raise(SIGKILL);
}

}  // namespace sluice::fault

#endif
