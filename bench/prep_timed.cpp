// A prep_sluice.so that times itself inside slurmctld. It is the product's own sources, linked with
// --wrap, so that these calls pass through here: the two hooks as a whole, Slurm's
// job_common_env_vars within them, and the writev of the record. Between hooks, and never within
// one, it also makes the peer: a bare create, write and rename of the same bytes on the same tmpfs.
//
// PrEpParameters: sluice_bench=FILE (timings.h) and, for the peer, sluice_bench_peer=FOLDER.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "bench/timings.h"

extern "C" {
#include <slurm/slurm.h>
extern slurm_conf_t slurm_conf __attribute__((weak));

// sluice::hook::start(void*) and end(void*), as their callers know them.
void __real__ZN6sluice4hook5startEPv(void* job);
void __wrap__ZN6sluice4hook5startEPv(void* job);
void __real__ZN6sluice4hook3endEPv(void* job);
void __wrap__ZN6sluice4hook3endEPv(void* job);
char** __real_job_common_env_vars(void* job, bool complete) __attribute__((weak));
char** __wrap_job_common_env_vars(void* job, bool complete);
ssize_t __real_writev(int fd, const iovec* iov, int n);
ssize_t __wrap_writev(int fd, const iovec* iov, int n);
}

namespace {

using sluice::bench::nanoseconds;

sluice::bench::File* file = nullptr;
bool opened = false;
char peer_folder[256];

// The record that was written last: what the peer writes. Hooks run one at a time, under
// slurmctld's job write lock.
char bytes[300 * 1024];
size_t size = 0;
int64_t env_ns = 0;
int64_t ours_ns = 0;  // spent here, not in the hook

bool parameter(const char* name, char* out, size_t room) {
  const char* at = &slurm_conf == nullptr || slurm_conf.prep_params == nullptr
                       ? nullptr
                       : strstr(slurm_conf.prep_params, name);
  if (at == nullptr) return false;
  at += strlen(name);
  size_t n = strcspn(at, ",");
  if (n >= room) return false;
  memcpy(out, at, n);
  out[n] = '\0';
  return true;
}

void open_once() {
  if (opened) return;
  opened = true;
  char path[256];
  if (parameter("sluice_bench=", path, sizeof path)) file = sluice::bench::map_timings(path);
  if (parameter("sluice_bench_peer=", peer_folder, sizeof peer_folder)) ::mkdir(peer_folder, 0700);
}

// What the hook cannot do without: one small file, whole or not at all.
int64_t peer() {
  static unsigned counter = 0;
  char hidden[300];
  char visible[300];
  int64_t begin = nanoseconds(CLOCK_MONOTONIC);
  snprintf(hidden, sizeof hidden, "%s/.%u", peer_folder, ++counter);
  snprintf(visible, sizeof visible, "%s/%u", peer_folder, counter);
  int fd = ::open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return 0;
  bool good = ::write(fd, bytes, size) == static_cast<ssize_t>(size);
  ::close(fd);
  good = good && ::rename(hidden, visible) == 0;
  int64_t took = nanoseconds(CLOCK_MONOTONIC) - begin;
  ::unlink(visible);
  return good ? took : 0;
}

void timed(int64_t kind, void (*hook)(void*), void* job) {
  static bool peer_first = false;
  open_once();
  sluice::bench::Row row{};
  row.kind = kind;
  row.wall_us = nanoseconds(CLOCK_REALTIME) / 1000;
  bool with_peer = peer_folder[0] != '\0';
  // In turns before and after, so that neither always finds the caches warm.
  peer_first = !peer_first;
  if (with_peer && peer_first && size > 0) row.peer_ns = peer();
  env_ns = 0;
  ours_ns = 0;
  int64_t cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  int64_t begin = nanoseconds(CLOCK_MONOTONIC);
  hook(job);
  row.total_ns = nanoseconds(CLOCK_MONOTONIC) - begin - ours_ns;
  row.cpu_ns = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu - ours_ns;
  row.env_ns = env_ns;
  row.own_ns = row.total_ns - env_ns;
  row.bytes = static_cast<int64_t>(size);
  if (with_peer && !peer_first && size > 0) row.peer_ns = peer();
  sluice::bench::add(file, row);
}

}  // namespace

char** __wrap_job_common_env_vars(void* job, bool complete) {
  if (__real_job_common_env_vars == nullptr) return nullptr;  // inside slurmd
  int64_t begin = nanoseconds(CLOCK_MONOTONIC);
  char** out = __real_job_common_env_vars(job, complete);
  env_ns = nanoseconds(CLOCK_MONOTONIC) - begin;
  return out;
}

ssize_t __wrap_writev(int fd, const iovec* iov, int n) {
  ssize_t written = __real_writev(fd, iov, n);
  int64_t begin = nanoseconds(CLOCK_MONOTONIC);
  size = 0;
  for (int i = 0; i < n && size + iov[i].iov_len <= sizeof bytes; ++i) {
    if (peer_folder[0] != '\0') memcpy(bytes + size, iov[i].iov_base, iov[i].iov_len);
    size += iov[i].iov_len;
  }
  ours_ns += nanoseconds(CLOCK_MONOTONIC) - begin;
  return written;
}

void __wrap__ZN6sluice4hook5startEPv(void* job) {
  timed(0, __real__ZN6sluice4hook5startEPv, job);
}

void __wrap__ZN6sluice4hook3endEPv(void* job) {
  timed(1, __real__ZN6sluice4hook3endEPv, job);
}
