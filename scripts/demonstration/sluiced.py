"""sluiced on the controller and on each node, with the configuration a user could write."""

import json

from cluster import wait_until


def start_all(cluster, url, secret):
    layout, config = cluster.layout, cluster.config
    # The cluster's port block has one more than Slurm uses.
    listen = f"127.0.0.1:{cluster.port + 3 + config.nodes}"
    key = layout.etc / "webhook.key"
    _private(key, secret + "\n")
    controller = {
        "inbox": str(layout.inbox),
        "journal": {"path": str(layout.sluiced / "journal.db")},
        "socket": str(layout.sluiced / "sluice.sock"),
        "public_sinks": str(layout.dir / "sinks"),
        "munge_socket": str(layout.munge_socket),
        "listen": listen,
        "sinks": {
            "hook": {"type": "webhook", "url": url, "secret_file": str(key)},
            "log": {"type": "file", "path": str(layout.sluiced / "events.jsonl")},
            # Not for --event-sink: routes and partitions may use it.
            "ops": {"type": "file", "path": str(layout.sluiced / "ops.jsonl"), "public": False},
        },
    }
    path = layout.etc / "sluice.json"
    _private(path, json.dumps(controller, indent=2))
    cluster.start_sluiced(path)
    print("sluice.json:\n" + _indented(json.dumps({"sinks": controller["sinks"]}, indent=2)))
    for node in config.node_names():
        path = layout.etc / f"node-{node}.json"
        _private(path, json.dumps({
            "inbox": str(layout.node(node) / "inbox"),
            "socket": str(layout.node(node) / "sluice.sock"),
            "controllers": [listen],
            "munge_socket": str(layout.munge_socket),
            "node_name": node,
        }, indent=2))
        cluster.start_sluiced(path, node=node)
    # What sbatch checks --event-sink against is written last.
    wait_until((layout.dir / "sinks").exists, 15, "sluiced's start", every=0.01)


def _private(path, text):
    path.write_text(text)
    path.chmod(0o600)


def _indented(text):
    return "".join(f"  {line}\n" for line in text.split("\n"))
