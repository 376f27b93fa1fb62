// The plugin in slurmd: starts sluiced where it is told to, and says once, in slurmd's log, when
// the node cannot record events.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "spank/arguments.h"
#include "spank/spank.h"
#include "spank/start_sluiced.h"

namespace sluice::spank {

void slurmd_init() {
  char path[kMaxPath + 1];
  const char* program = arguments().start_sluiced;
  if (program[0] != '\0') {
    // It makes the inbox, if it is not there.
    if (expand_path(program, path, sizeof path)) start_sluiced(path);
    return;
  }
  struct stat st{};
  if (!expand_path(arguments().inbox, path, sizeof path)) return;
  const char* problem = "not a directory";
  if (::stat(path, &st) != 0)
    problem = strerror(errno);
  else if (S_ISDIR(st.st_mode))
    return;
  slurm_error(
      "sluice: inbox %s: %s; this node reports no launch, exit or step events until it is "
      "there (jobs are not affected); sluiced makes it, or name another by inbox= in "
      "plugstack.conf",
      path, problem);
}

}  // namespace sluice::spank
