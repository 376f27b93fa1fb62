// What the programs of slurm.conf share: where their configuration is, where their words go, and
// whose rights they have. slurmctld gives them nothing but a list of nodes and two variables.
#pragma once

#include <functional>
#include <string>

#include "sluice/power.h"

namespace sluice::power {

// The first that is there: $SLUICE_POWER_CONFIG; the folder that the program was called in, where
// it has a config.json (as the old plugin's programs had); /etc/sluice/power;
// /etc/sluice/sluice.json.
std::string find_configuration();

using Body = std::function<int(struct sluice_power*, struct sluice_power_error*)>;
// Opens the configuration, becomes the owner of the record's folder where root runs it, does
// `body`, and prints what went wrong. The exit code.
int with_power(const char* name, const Body& body);

// Prints a node's fate: on standard output.
void print_node(void* context, const struct sluice_power_node* node);

}  // namespace sluice::power
