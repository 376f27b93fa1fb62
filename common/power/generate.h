// What an administrator appends to slurm.conf and gres.conf so that Slurm knows the groups' nodes.
// The lines are the old plugin's, but that no key stands twice in one. Pure functions.
#pragma once

#include <string>

#include "common/power/config.h"

namespace sluice::power {

// "aws-node-[0-99]", or "aws-node-0" for one.
std::string node_range(const Group& group);

// The whole text of slurm.conf.aws and of gres.conf.aws.
std::string slurm_conf_text(const Config& config);
std::string gres_conf_text(const Config& config);

// One entry of a Gres specification: NAME[:TYPE][:no_consume][:COUNT[KMGTP]], as in "gpu:tesla:2".
struct Gres {
  std::string name, type;
  std::string count = "1";
};
// False if it is none that slurmctld would take.
bool parse_gres(std::string_view entry, Gres* out);

}  // namespace sluice::power
