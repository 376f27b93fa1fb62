"""sluiced on the controller and on each node, for the demonstration and for developers.

It runs as the units in etc/systemd run it: as user sluice on the controller, as root on a node,
and without a single capability on either.
"""

import json
import os
import shutil

from . import daemons
from .wait import GaveUp, wait_until

USER = "sluice"
SOCKET = "sluice.sock"
UNPRIVILEGED = ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def spank_arguments(folder):
    """What plugstack.conf says of them, in a cluster that lives in `folder`."""
    return (f"sinks={folder}/run/sinks", f"socket={folder}/%n/{SOCKET}")


def environment(layout):
    """For commands on the controller: `sluice` is found, and finds the controller's sluiced."""
    return {"PATH": f"{layout.build}/common:{daemons.PATH}",
            "SLUICE_SOCKET": layout.dir / "run" / SOCKET}


def start_all(cluster, settings):
    """`settings`: of sluice.json, the sinks at least; what it does not say is the cluster's own."""
    layout, config = cluster.layout, cluster.config
    user = config.users[USER][0]
    run = layout.dir / "run"
    run.mkdir(mode=0o755, exist_ok=True)
    shutil.chown(run, user, user)
    # What sbatch checks --event-sink against is written last; a node's socket is.
    written = {"sluiced": run / "sinks", **{f"sluiced-{node}": layout.node(node) / SOCKET
                                            for node in config.node_names()}}
    for path in written.values():
        path.unlink(missing_ok=True)  # an earlier one's, which says nothing of this
    # The cluster's port block has one more than Slurm uses.
    listen = f"127.0.0.1:{cluster.port + 3 + config.nodes}"
    controller = {
        "inbox": str(layout.inbox),
        "journal": {"path": str(layout.sluiced / "journal.db")},
        "socket": str(run / SOCKET),
        "public_sinks": str(run / "sinks"),
        "munge_socket": str(layout.munge_socket),
        "listen": listen,
        **settings,
    }
    path = layout.etc / "sluice.json"
    private(path, json.dumps(controller, indent=2), user)
    cluster.start_daemon("sluiced", [*UNPRIVILEGED, f"--reuid={USER}", f"--regid={USER}",
                                     "--clear-groups", *daemons.sluiced(layout, path)])
    for node in config.node_names():
        path = layout.etc / f"node-{node}.json"
        private(path, json.dumps({
            "inbox": str(layout.node(node) / "inbox"),
            "socket": str(layout.node(node) / SOCKET),
            "controllers": [listen],
            "munge_socket": str(layout.munge_socket),
            "node_name": node,
        }, indent=2))
        cluster.start_daemon(f"sluiced-{node}",
                             [*UNPRIVILEGED, *daemons.sluiced(layout, path, node)], hostname=node)

    def started():
        daemons_now = cluster.daemons()
        for name in written:
            if daemons_now[name]["exit"] is not None:
                log = layout.log / f"{name}.out"
                raise GaveUp(f"{name} ended: {daemons_now[name]['exit']}; "
                             f"{log}:\n{log.read_text()}")
        return all(path.exists() for path in written.values())
    wait_until(started, 15, "sluiced's start", every=0.01)


def private(path, text, user=0):
    """A file that `user` alone can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    shutil.chown(path, user, user)
