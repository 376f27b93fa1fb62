"""Where a cluster's files lie under its DIR, and the plan its supervisor mounts by.

    DIR/etc        slurm.conf, plugstack.conf, munge's key, the private passwd, group, hosts
    DIR/log        one file a daemon
    DIR/munge      munged's socket
    DIR/state      slurmctld's StateSaveLocation
    DIR/home/USER  homes
    DIR/inbox      the controller's inbox, DIR/NODE/inbox a node's (both tmpfs, seen inside only)
    DIR/NODE       a node's spool
    DIR/build      Sluice's build folder, bound: its own path may lie where users cannot go
    DIR/sluiced    for sluiced's journal, owned by user sluice
"""

import json
import os
from pathlib import Path

from .isolation import PROJECT
from .roots import ensure as ensure_root

# sun_path holds 108 bytes; munged's lock file beside its socket has the longest name.
LONGEST_DIR = 80


class Layout:
    def __init__(self, folder):
        self.dir = Path(folder).resolve()
        if len(str(self.dir)) > LONGEST_DIR:
            raise ValueError(f"{self.dir}: longer than {LONGEST_DIR} characters, too long for "
                             "the Unix sockets in it; choose a shorter --dir")
        self.etc = self.dir / "etc"
        self.log = self.dir / "log"
        self.inbox = self.dir / "inbox"
        self.build = self.dir / "build"
        self.state = self.dir / "state"
        self.sluiced = self.dir / "sluiced"
        self.slurm_conf = self.etc / "slurm.conf"
        self.plugstack = self.etc / "plugstack.conf"
        self.munge_key = self.etc / "munge.key"
        self.munge_socket = self.dir / "munge" / "socket"
        self.plan = self.dir / "plan.json"
        self.socket = self.dir / "supervisor.sock"

    def controller_conf(self, index):
        return self.etc / f"slurm.ctl{index}.conf" if index else self.slurm_conf

    def node(self, name):
        return self.dir / name

    def home(self, user):
        return self.dir / "home" / user if user != "root" else self.dir / "home"

    def make(self, config):
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o755)
        for folder in (self.etc, self.log, self.inbox, self.build, self.state, self.sluiced,
                       self.dir / "munge", self.dir / "stage", self.dir / "home",
                       *(self.node(n) / sub for n in config.node_names()
                         for sub in ("inbox", "spool"))):
            folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        for user, (uid, _) in config.users.items():
            self.home(user).mkdir(exist_ok=True)
            os.chown(self.home(user), uid, uid)
        uid = config.users["sluice"][0]
        os.chown(self.sluiced, uid, uid)
        self.sluiced.chmod(0o750)
        self._make_key()
        self.socket.unlink(missing_ok=True)

    def _make_key(self):
        if not self.munge_key.exists():
            with open(os.open(self.munge_key, os.O_WRONLY | os.O_CREAT, 0o400), "wb") as key:
                key.write(os.urandom(128))

    def write_plan(self, config, lifeline):
        inbox = (f"size={config.inbox_size},nr_inodes={config.inbox_inodes},"
                 f"mode={config.inbox_mode},uid=0,gid={config.users['sluice'][0]}")
        binds = [(str(self.etc / name), f"/etc/{name}") for name in ("passwd", "group", "hosts")]
        if config.build.is_dir():
            binds.append((str(config.build), str(self.build)))
        shared = {PROJECT, self.dir}
        if not config.build.is_relative_to(PROJECT) and config.build.is_dir():
            shared.add(config.build)
        inboxes = [self.inbox, *(self.node(n) / "inbox" for n in config.node_names())]
        self.plan.write_text(json.dumps({
            "hostname": "ctl0",
            "root": str(ensure_root(config.root)) if config.root else None,
            "stage": str(self.dir / "stage"),
            "shared": sorted(map(str, shared)),
            "binds": binds,
            "tmpfs": [(str(path), inbox) for path in inboxes],
            "socket": str(self.socket),
            "lifeline": lifeline,
        }, indent=1))
