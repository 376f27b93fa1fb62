// resume: slurm.conf's ResumeProgram. Launches the nodes that its argument names.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "program.h"

namespace {

// slurmctld's file is in memory and gone ten seconds later: read it first of all.
std::optional<std::string> read_resume_file() {
  const char* path = getenv("SLURM_RESUME_FILE");
  if (path == nullptr || *path == '\0') return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;  // without it, jobs are not known; nodes are
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<std::string> jobs = read_resume_file();
  bool dry = argc == 3 && strcmp(argv[1], "--dry-run") == 0;
  if ((argc != 2 && !dry) || argv[argc - 1][0] == '-') {
    fprintf(stderr, "usage: resume [--dry-run] NODES, such as resume cloud-node-[0-3]\n");
    return 2;
  }
  return sluice::power::with_power(
      "resume", [&](struct sluice_power* power, struct sluice_power_error* err) {
        if (dry)
          return sluice_power_plan_resume(power, argv[2], sluice::power::print_node, nullptr, err);
        return sluice_power_resume(power, argv[1], jobs ? jobs->c_str() : nullptr,
                                   sluice::power::print_node, nullptr, err);
      });
}
