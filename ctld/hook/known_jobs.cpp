#include "ctld/hook/known_jobs.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
// slurmctld's own, from 22.05 to 26.05. Weak: a version without them takes the long way each time.
extern void* find_job_record(uint32_t job_id) __attribute__((weak));
extern char* vxstrfmt(const char* format, va_list arguments) __attribute__((weak));
extern void slurm_xfree(void** item);
}

namespace sluice::hook {
namespace {

constexpr size_t kSlots = 16384;  // of 16 bytes; two jobs in one slot cost one of them the long way
constexpr size_t kArrays = 8;     // arrays whose tasks are starting at the same time
constexpr size_t kCommonBytes = 2048;  // the plugin in sbatch allows 1024 for the sinks

// What sinks are chosen by. Of a job with several partitions, or one that was changed meanwhile, a
// task may be in another partition or account than the first: slurmctld's answer goes over these,
// which count only where there is none in time.
constexpr const char* kCommon[kMaxCommon] = {
    "SPANK_EVENT_SINK=", "SLURM_JOB_USER=",      "SLURM_JOB_UID=",     "SLURM_JOB_GID=",
    "SLURM_JOB_GROUP=",  "SLURM_JOB_PARTITION=", "SLURM_JOB_ACCOUNT=",
};

struct Slot {
  const void* record;
  uint32_t job_id;
  bool completed;
};
constinit Slot slots[kSlots] = {};

struct Array {
  uint32_t array_job_id;
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

// As slurmctld's own log names a job ("%pJ"): JobId=7, JobId=7_3(9) of task 3 that is job 9,
// JobId=7+1(8) of a component. What is not known stays 0.
struct Name {
  uint32_t job_id;
  uint32_t array_job_id;
  uint32_t array_task_id;
};

char* print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char* text = vxstrfmt(format, arguments);
  va_end(arguments);
  return text;
}

Name name_of(const void* job_record) {
  Name name = {};
  char* text = print("%pJ", job_record);
  if (text == nullptr) return name;
  unsigned first = 0;
  unsigned task = 0;
  unsigned id = 0;
  if (sscanf(text, "JobId=%u_%u(%u)", &first, &task, &id) == 3) name = {id, first, task};
  void* item = text;
  slurm_xfree(&item);
  return name;
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
  return find_job_record != nullptr;
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
  if (!can_look_up() || vxstrfmt == nullptr) return {};
  bool any = false;
  for (Array& array : arrays) {
    // The record with the array's own id goes last: the array is over.
    if (array.array_job_id != 0 && find_job_record(array.array_job_id) == nullptr)
      array.array_job_id = 0;
    any = any || array.array_job_id != 0;
  }
  if (!any) return {};
  Name name = name_of(job_record);
  if (name.job_id == 0 || name.array_job_id == 0 || !is(job_record, name.job_id)) return {};
  for (const Array& array : arrays) {
    if (array.array_job_id != name.array_job_id) continue;
    Task known{name.job_id, name.array_job_id, name.array_task_id, {}, 0};
    give_common(array, &known);
    return known;
  }
  return {};
}

void remember_task(char** env) {
  Array seen = {};
  if (!number(env, "SLURM_ARRAY_JOB_ID", &seen.array_job_id) || !keep_common(env, &seen)) return;
  for (Array& array : arrays)
    if (array.array_job_id == seen.array_job_id) {
      array = seen;
      return;
    }
  arrays[next_array++ % kArrays] = seen;
}

}  // namespace sluice::hook
