// suspend: slurm.conf's SuspendProgram. Ends the machines of the nodes that its argument names.
#include <cstdio>
#include <cstring>

#include "program.h"

int main(int argc, char** argv) {
  bool dry = argc == 3 && strcmp(argv[1], "--dry-run") == 0;
  if ((argc != 2 && !dry) || argv[argc - 1][0] == '-') {
    fprintf(stderr, "usage: suspend [--dry-run] NODES, such as suspend cloud-node-[0-3]\n");
    return 2;
  }
  return sluice::power::with_power(
      "suspend", [&](struct sluice_power* power, struct sluice_power_error* err) {
        if (dry)
          return sluice_power_plan_suspend(power, argv[2], sluice::power::print_node, nullptr, err);
        return sluice_power_suspend(power, argv[1], sluice::power::print_node, nullptr, err);
      });
}
