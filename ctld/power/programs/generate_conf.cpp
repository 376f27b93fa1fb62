// generate_conf: writes slurm.conf.aws and gres.conf.aws into the current folder, or into the one
// that its argument names. Prints all that is found in the configuration first.
#include <cstdio>
#include <fstream>

#include "program.h"

namespace {

void print_finding(void*, int warning, const char* text) {
  fprintf(stderr, "generate_conf: %s: %s\n", warning != 0 ? "warning" : "error", text);
}

bool write_file(const std::string& path, const char* text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file)
    printf("%s\n", path.c_str());
  else
    fprintf(stderr, "generate_conf: cannot write %s\n", path.c_str());
  return static_cast<bool>(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
    fprintf(stderr, "usage: generate_conf [FOLDER]\n");
    return 2;
  }
  std::string folder = argc == 2 ? std::string(argv[1]) + "/" : std::string();
  struct sluice_power_error err{};
  std::string path = sluice::power::find_configuration();
  if (sluice_power_check(path.c_str(), print_finding, nullptr, &err) != SLUICE_POWER_OK) {
    fprintf(stderr, "generate_conf: %s\n", err.message);
    return 1;
  }
  struct sluice_power* power = nullptr;
  char* slurm = nullptr;
  char* gres = nullptr;
  bool good = sluice_power_open(path.c_str(), &power, &err) == SLUICE_POWER_OK &&
              sluice_power_generate_conf(power, &slurm, &gres, &err) == SLUICE_POWER_OK;
  if (good)
    good =
        write_file(folder + "slurm.conf.aws", slurm) && write_file(folder + "gres.conf.aws", gres);
  else
    fprintf(stderr, "generate_conf: %s\n", err.message);
  sluice_power_free(slurm);
  sluice_power_free(gres);
  sluice_power_close(power);
  return good ? 0 : 1;
}
