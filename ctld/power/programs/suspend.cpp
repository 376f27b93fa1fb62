// suspend: slurm.conf's SuspendProgram. Ends the machines of the nodes that its argument names.
#include <cstdio>

#include "program.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: suspend NODES, such as suspend cloud-node-[0-3]\n");
    return 2;
  }
  return sluice::power::with_power(
      "suspend", [&](struct sluice_power* power, struct sluice_power_error* err) {
        return sluice_power_suspend(power, argv[1], sluice::power::print_node, nullptr, err);
      });
}
