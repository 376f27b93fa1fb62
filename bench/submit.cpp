// Submits jobs in a bare loop of slurm_submit_batch_job, which is 20 times quicker than sbatch.
//
//   submit COUNT [--rate N] [--hold] [--script TEXT]
//
// Prints the first and the last job id.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

extern "C" {
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
}

int main(int argc, char** argv) {
  long count = argc > 1 ? strtol(argv[1], nullptr, 10) : 0;
  double rate = 0;
  bool hold = false;
  const char* script = "#!/bin/sh\ntrue\n";
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--hold") == 0)
      hold = true;
    else if (strcmp(argv[i], "--rate") == 0 && i + 1 < argc)
      rate = strtod(argv[++i], nullptr);
    else if (strcmp(argv[i], "--script") == 0 && i + 1 < argc)
      script = argv[++i];
    else
      count = 0;
  }
  if (count <= 0) {
    fprintf(stderr, "submit COUNT [--rate N] [--hold] [--script TEXT]\n");
    return 2;
  }
  slurm_init(nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  char* env[] = {path, nullptr};
  char out[] = "/dev/null";
  char dir[] = "/tmp";
  char name[] = "bench";
  uint32_t first = 0;
  uint32_t last = 0;
  timespec next{};
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long i = 0; i < count; ++i) {
    job_desc_msg_t job;
    slurm_init_job_desc_msg(&job);
    job.script = const_cast<char*>(script);
    job.environment = env;
    job.env_size = 1;
    job.work_dir = dir;
    job.name = name;
    job.std_out = out;
    job.std_err = out;
    job.std_in = out;
    job.user_id = getuid();
    job.group_id = getgid();
    job.min_cpus = 1;
    job.num_tasks = 1;
    if (hold) job.priority = 0;
    submit_response_msg_t* answer = nullptr;
    while (slurm_submit_batch_job(&job, &answer) != SLURM_SUCCESS) {
      if (errno != EAGAIN) {
        fprintf(stderr, "submit: job %ld: %s\n", i, slurm_strerror(errno));
        return 1;
      }
      usleep(10'000);
    }
    if (first == 0) first = answer->job_id;
    last = answer->job_id;
    slurm_free_submit_response_response_msg(answer);
    if (rate > 0) {
      next.tv_nsec += static_cast<long>(1e9 / rate);
      next.tv_sec += next.tv_nsec / 1'000'000'000;
      next.tv_nsec %= 1'000'000'000;
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
    }
  }
  printf("%u %u\n", first, last);
  return 0;
}
