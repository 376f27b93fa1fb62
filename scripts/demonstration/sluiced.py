"""sluiced on the controller and on each node, with the configuration a user could write.

It runs as the units in etc/systemd run it: as user sluice on the controller, as root on a node,
and without a single capability on either.
"""

import json
import shutil

from cluster import wait_until
from cluster.daemons import sluiced as command

USER = "sluice"
SOCKET = "sluice.sock"
UNPRIVILEGED = ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def start_all(cluster, url, secret):
    layout, config = cluster.layout, cluster.config
    user = config.users[USER][0]
    # The cluster's port block has one more than Slurm uses.
    listen = f"127.0.0.1:{cluster.port + 3 + config.nodes}"
    run = layout.dir / "run"
    run.mkdir(mode=0o755)
    shutil.chown(run, user, user)
    key = layout.etc / "webhook.key"
    _private(key, secret + "\n", user)
    controller = {
        "inbox": str(layout.inbox),
        "journal": {"path": str(layout.sluiced / "journal.db")},
        "socket": str(run / SOCKET),
        "public_sinks": str(run / "sinks"),
        "munge_socket": str(layout.munge_socket),
        "listen": listen,
        "sinks": {
            "hook": {"type": "webhook", "url": url, "secret_file": str(key)},
            "log": {"type": "file", "path": str(layout.sluiced / "events.jsonl")},
        },
    }
    path = layout.etc / "sluice.json"
    _private(path, json.dumps(controller, indent=2), user)
    cluster.start_daemon("sluiced", [*UNPRIVILEGED, f"--reuid={USER}", f"--regid={USER}",
                                     "--clear-groups", *command(layout, path)])
    print("The sinks in sluice.json:")
    for name, sink in controller["sinks"].items():
        print(f"  {json.dumps(name)}: {json.dumps(sink)}")
    for node in config.node_names():
        path = layout.etc / f"node-{node}.json"
        _private(path, json.dumps({
            "inbox": str(layout.node(node) / "inbox"),
            "socket": str(layout.node(node) / SOCKET),
            "controllers": [listen],
            "munge_socket": str(layout.munge_socket),
            "node_name": node,
        }, indent=2))
        cluster.start_daemon(f"sluiced-{node}", [*UNPRIVILEGED, *command(layout, path, node)],
                             hostname=node)
    # What sbatch checks --event-sink against is written last.
    wait_until((run / "sinks").exists, 15, "sluiced's start", every=0.01)


def _private(path, text, user=0):
    path.write_text(text)
    path.chmod(0o600)
    shutil.chown(path, user, user)
