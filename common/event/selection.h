// The value of `--event-sink`: which sinks a job's events go to, and which events.
//
//   selection = sink *("," sink)
//   sink      = name [":" event *("," event)]
//   name      = [A-Za-z0-9][A-Za-z0-9_.-]{0,63}, no event word
//   event     = "start" | "end" | "launch" | "exit" | "step" | "fail" | "cancelled" |
//               "requeue" | "lost" | "user" | "all"
//
// A comma separates sinks and, after a colon, events as well: there, a token that is an event word
// belongs to the sink before it, any other begins the next sink. That is why no sink may be named
// like an event. `name` alone means kJobEvents. A sink named twice gets both selections.
//
// The SPANK plugin parses it in sbatch to refuse early, and sluiced parses it again: what arrives
// there is the user's own text. So: pure functions on libc alone, no allocation, no exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

// What a sink of a selection is sent. A set of bits.
enum Events : uint32_t {
  kEventStart = 1U << 0,      // slurm.job.start
  kEventEnd = 1U << 1,        // slurm.job.end
  kEventLaunch = 1U << 2,     // slurm.job.launch
  kEventExit = 1U << 3,       // slurm.job.exit
  kEventStep = 1U << 4,       // slurm.step.start, slurm.step.end
  kEventFail = 1U << 5,       // slurm.job.end in a state other than COMPLETED,
                              // slurm.job.cancelled, slurm.job.lost
  kEventCancelled = 1U << 6,  // slurm.job.cancelled
  kEventRequeue = 1U << 7,    // slurm.job.requeue
  kEventLost = 1U << 8,       // slurm.job.lost
  kEventUser = 1U << 9,       // user.*
};
constexpr uint32_t kJobEvents = kEventStart | kEventEnd | kEventLaunch | kEventExit |
                                kEventCancelled | kEventRequeue | kEventLost | kEventUser;
constexpr uint32_t kAllEvents = kJobEvents | kEventStep;  // kEventFail is a part of these

constexpr size_t kMaxSelectionBytes = 1024;  // slurmctld keeps it with every job
constexpr size_t kMaxSelected = 16;          // sinks of one job
constexpr size_t kMaxSinkName = 64;

struct SelectedSink {
  char name[kMaxSinkName + 1];
  uint32_t events;  // Events
};

struct Selection {
  SelectedSink sinks[kMaxSelected];
  size_t count;
  uint32_t events;  // of all sinks together
};

// The bits of an event word, 0 if it is none.
uint32_t event_word(std::string_view word);

// False if `text` (which may be null) does not follow the grammar. Then `error`, of `error_size`
// bytes, says what is wrong with which part of it and what is allowed, in printable ASCII without
// a line break, and `out` is empty.
bool parse_selection(const char* text, Selection* out, char* error, size_t error_size);

}  // namespace sluice
