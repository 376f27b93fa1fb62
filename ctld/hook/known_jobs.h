// What the hooks remember of jobs, so that slurmctld does not have to print a whole environment
// (100 to 200 µs under its write lock, most of it in clearing a 256 KiB buffer for each variable)
// to say again what sluiced can learn from a job id.
//
// Nothing here looks into slurmctld's structures. Which job a record is says slurmctld's log (its
// "%pJ"), or a guess; it is right if and only if slurmctld's own look-up of that id, in a hash
// table, gives back the very pointer the hook was called with. Where that fails, the caller takes
// the long way.
//
// Plain static memory; Slurm's own allocation for one short text. The hooks run under slurmctld's
// job write lock, which orders them; nothing else calls this.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::hook {

constexpr size_t kMaxCommon = 7;

// True if this slurmctld has the look-up.
bool can_look_up();

// The id of a job whose start or end was seen before; 0 if it must be asked for.
uint32_t known_id(const void* job_record);
void remember(const void* job_record, uint32_t job_id);
// The same at a completion, of which there is one for each start: 0 at the next, be it a cancel
// while the job waits for its second run.
uint32_t id_at_completion(const void* job_record);

// A task of an array whose earlier task told everything that tasks have in common.
struct Task {
  uint32_t job_id = 0;  // 0: none known
  uint32_t array_job_id = 0;
  uint32_t array_task_id = 0;
  // What tasks have in common, "NAME=VALUE": sinks, user and group, partition and account. Valid
  // until the next remember_task().
  const char* common[kMaxCommon] = {};
  size_t common_count = 0;
};
Task known_task(const void* job_record);
// From the environment of a task that is starting.
void remember_task(char** env);

}  // namespace sluice::hook
