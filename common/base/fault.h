// Named fault points: places where a crash must lose nothing. A build with SLUICE_FAULT_POINTS
// kills itself with SIGKILL at the point that SLUICE_FAULT names ("import.committed", or
// "import.committed:3" for the third time it is passed); a release build has no trace of them.
// The list of names is docs/guarantees.md's; tests/crash walks it.
#pragma once

namespace sluice::fault {

#ifdef SLUICE_FAULT_POINTS
void point(const char* name);
#else
inline void point(const char*) {}
#endif

}  // namespace sluice::fault
