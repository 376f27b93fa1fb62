// change_state: sets right what is stuck or left over. Where sluiced does not run, cron calls it
// once a minute, as it did the old plugin's.
#include <cstdio>

#include "program.h"

int main(int argc, char**) {
  if (argc != 1) {
    fprintf(stderr, "usage: change_state\n");
    return 2;
  }
  return sluice::power::with_power(
      "change_state", [&](struct sluice_power* power, struct sluice_power_error* err) {
        return sluice_power_reconcile(power, sluice::power::print_node, nullptr, err);
      });
}
