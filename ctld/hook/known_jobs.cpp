#include "ctld/hook/known_jobs.h"

#include <cstdlib>
#include <cstring>

extern "C" {
// slurmctld's own, from 22.05 to 26.05. Weak: a version without them takes the long way each time.
extern void* find_job_record(uint32_t job_id) __attribute__((weak));
extern void* find_job_array_rec(uint32_t array_job_id, uint32_t array_task_id)
    __attribute__((weak));
}

namespace sluice::hook {
namespace {

constexpr size_t kSlots = 16384;  // of 16 bytes; two jobs in one slot cost one of them the long way
constexpr size_t kArrays = 8;     // arrays whose tasks are starting at the same time
constexpr uint32_t kTasksAhead = 4;    // a task may be held back while later ones start
constexpr uint32_t kIdsAhead = 16;     // ids that other submissions took meanwhile
constexpr size_t kCommonBytes = 2048;  // the plugin in sbatch allows 1024 for the sinks

// What sinks are chosen by. Of a job with several partitions, or one that was changed meanwhile, a
// task may be in another partition or account than the first: slurmctld's answer goes over these,
// which count only where there is none in time.
constexpr const char* kCommon[kMaxCommon] = {
    "SPANK_EVENT_SINK=", "SLURM_JOB_USER=",      "SLURM_JOB_UID=",     "SLURM_JOB_GID=",
    "SLURM_JOB_GROUP=",  "SLURM_JOB_PARTITION=", "SLURM_JOB_ACCOUNT=",
};
constexpr uint32_t kMaxTask = 4'000'001;  // Slurm's MAX_ARRAY_SIZE bound; far from its special ids

struct Slot {
  const void* record;
  uint32_t job_id;
  bool completed;
};
constinit Slot slots[kSlots] = {};

struct Array {
  uint32_t array_job_id;
  uint32_t last_task;
  uint32_t step;
  uint32_t last_id;
  size_t common;  // strings in text, one after the other with their NULs
  char text[kCommonBytes];
};
constinit Array arrays[kArrays] = {};
constinit size_t next_array = 0;

Slot& slot_of(const void* record) {
  auto bits = reinterpret_cast<uintptr_t>(record);
  return slots[(bits >> 6 ^ bits >> 17) % kSlots];
}

bool is(const void* job_record, uint32_t job_id) {
  return find_job_record(job_id) == job_record;
}

// "NAME=number" in the environment; false if it is not there.
bool number(char** env, const char* name, uint32_t* out) {
  size_t n = strlen(name);
  for (; *env != nullptr; ++env) {
    if (strncmp(*env, name, n) != 0 || (*env)[n] != '=') continue;
    char* end = nullptr;
    unsigned long v = strtoul(*env + n + 1, &end, 10);
    if (*end != '\0' || end == *env + n + 1 || v > 0xfffffff0UL) return false;
    *out = static_cast<uint32_t>(v);
    return true;
  }
  return false;
}

// Tasks of one array get their ids one after the other; the last one keeps the array's own.
uint32_t id_of_task(const void* job_record, const Array& array) {
  for (uint32_t id = array.last_id + 1; id <= array.last_id + kIdsAhead; ++id)
    if (is(job_record, id)) return id;
  return is(job_record, array.array_job_id) ? array.array_job_id : 0;
}

// False if they do not fit: this array's tasks take the long way.
bool keep_common(char** env, Array* array) {
  size_t used = 0;
  for (char** e = env; *e != nullptr; ++e)
    for (const char* name : kCommon) {
      if (name == nullptr || strncmp(*e, name, strlen(name)) != 0) continue;
      size_t n = strlen(*e) + 1;
      if (array->common == kMaxCommon || used + n > kCommonBytes) return false;
      memcpy(array->text + used, *e, n);
      used += n;
      ++array->common;
    }
  return true;
}

void give_common(const Array& array, Task* task) {
  const char* at = array.text;
  for (size_t i = 0; i < array.common; ++i, at += strlen(at) + 1) task->common[i] = at;
  task->common_count = array.common;
}

}  // namespace

bool can_look_up() {
  return find_job_record != nullptr && find_job_array_rec != nullptr;
}

uint32_t known_id(const void* job_record) {
  const Slot& slot = slot_of(job_record);
  if (!can_look_up() || slot.record != job_record || !is(job_record, slot.job_id)) return 0;
  return slot.job_id;
}

void remember(const void* job_record, uint32_t job_id) {
  slot_of(job_record) = {job_record, job_id, false};
}

uint32_t id_at_completion(const void* job_record) {
  uint32_t job_id = known_id(job_record);
  Slot& slot = slot_of(job_record);
  if (job_id == 0 || slot.completed) return 0;
  slot.completed = true;
  return job_id;
}

Task known_task(const void* job_record) {
  if (!can_look_up()) return {};
  for (Array& array : arrays) {
    if (array.array_job_id == 0) continue;
    // The record with the array's own id goes last: the array is over.
    if (find_job_record(array.array_job_id) == nullptr) {
      array.array_job_id = 0;
      continue;
    }
    for (uint32_t k = 1; k <= kTasksAhead; ++k) {
      uint32_t task = array.last_task + k * array.step;
      if (find_job_array_rec(array.array_job_id, task) != job_record) continue;
      uint32_t id = id_of_task(job_record, array);
      if (id == 0) return {};
      array.last_task = task;
      if (id != array.array_job_id) array.last_id = id;
      Task known{id, array.array_job_id, task, {}, 0};
      give_common(array, &known);
      return known;
    }
  }
  return {};
}

void remember_task(char** env) {
  Array seen = {};
  seen.step = 1;
  if (!number(env, "SLURM_ARRAY_JOB_ID", &seen.array_job_id) ||
      !number(env, "SLURM_ARRAY_TASK_ID", &seen.last_task) ||
      !number(env, "SLURM_JOB_ID", &seen.last_id))
    return;
  number(env, "SLURM_ARRAY_TASK_STEP", &seen.step);
  if (seen.step == 0) seen.step = 1;
  if (seen.last_task > kMaxTask || seen.step > kMaxTask) return;
  if (!keep_common(env, &seen)) return;
  for (Array& array : arrays)
    if (array.array_job_id == seen.array_job_id) {
      array = seen;
      return;
    }
  arrays[next_array++ % kArrays] = seen;
}

}  // namespace sluice::hook
