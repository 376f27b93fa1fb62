// The one place that reads the clock, so that tests can move time and nobody mixes clocks up.
// All functions are thread-safe.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <string>

namespace sluice::clock {

// Microseconds since 1970, UTC. For what is shown and stored; may step when the clock is set.
int64_t wall_us();
// Milliseconds since boot, suspend included. For deadlines and intervals; never steps.
int64_t mono_ms();
int64_t mono_us();
// Waits so long, whatever signals come.
void sleep_ms(int64_t ms);
// CPU time of a thread of this process that was not joined yet, user and system.
int64_t thread_cpu_us(pthread_t thread);

// RFC 3339 with microseconds and Z, for example 2026-03-01T12:00:00.000000Z.
std::string rfc3339(int64_t wall_us);
// The inverse, for any RFC 3339 date-time; -1 if the text is not one.
int64_t parse_rfc3339(const std::string& text);

// Tests only: adds to what wall_us and mono_ms return, in this process. A daemon under test takes
// it from SLUICE_CLOCK_OFFSET_FILE when built with fault points.
void advance_for_tests(int64_t ms);

}  // namespace sluice::clock
