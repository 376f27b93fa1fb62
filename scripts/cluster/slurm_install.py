"""What a Slurm installation (the system's or a root's) calls its parts."""

import os
import re
import subprocess
from pathlib import Path


class SlurmInstall:
    def __init__(self, root=None):
        self.root = Path(root or "/")
        # Debian's binary is slurmctld-wlm and slurmctld a link to it, which is to be used:
        # slurmctld 24.11 knows by its own name that it is slurmctld.
        self.slurmctld = "/usr/sbin/slurmctld"
        if not os.path.lexists(self.root / "usr/sbin/slurmctld"):
            raise FileNotFoundError(f"{self.root}: no slurmctld: run scripts/setup")
        self.plugins = next("/" + str(path.relative_to(self.root)) for path in
                            sorted(self.root.glob("usr/lib/*/slurm-wlm")))

    def version(self):
        """(22, 5) for 22.05."""
        command = [self.slurmctld, "-V"]  # the commands want a slurm.conf for that
        if self.root != Path("/"):
            command = ["chroot", str(self.root), *command]
        text = subprocess.run(command, capture_output=True, text=True, check=True,
                              timeout=10).stdout
        found = re.search(r"(\d+)\.(\d+)", text)
        return int(found[1]), int(found[2])
