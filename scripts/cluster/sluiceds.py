"""sluiced on the controller and on each node, for the demonstration and for developers.

It runs as the units in etc/systemd run it: as user sluice on the controller, as root on a node,
and without a single capability on either.
"""

import json
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
    run.mkdir(mode=0o755)
    shutil.chown(run, user, user)
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
        if cluster.pid_of("sluiced") is None:
            log = layout.log / "sluiced.out"
            raise GaveUp(f"sluiced ended: {cluster.exit_of('sluiced')}; {log}:\n{log.read_text()}")
        return (run / "sinks").exists()  # what sbatch checks --event-sink against is written last
    wait_until(started, 15, "sluiced's start", every=0.01)


def private(path, text, user=0):
    """A file that `user` alone can read."""
    path.write_text(text)
    path.chmod(0o600)
    shutil.chown(path, user, user)
