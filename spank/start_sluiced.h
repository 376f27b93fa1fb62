// Starts the node's sluiced where no service manager does, as `PATH --role node`.
#pragma once

namespace sluice::spank {

// Called in slurmd, before it daemonizes. The program is no child of slurmd's, in a session of its
// own, with signals and descriptors reset and out of slurmd's cgroup where that can be; that there
// is one of it is the lock's doing that it takes itself.
void start_sluiced(const char* path);

}  // namespace sluice::spank
