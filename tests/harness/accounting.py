"""The set-up that crash and failure tests account by, and asking its sluiced.

Every slurm.* event goes to the file sink `every` by a route, whatever a job asks for; `mine` is for
jobs that name it with --event-sink.
"""

import json
import socket

from cluster import wait_until


def accounted(sinks=None, **more):
    """sluice.json as a function of the cluster, for SluiceCluster(sluice=…)."""
    def made(c):
        folder = c.layout.sluiced
        return {
            "inbox": str(c.layout.inbox),
            "journal": {"path": str(folder / "journal.db")},
            "socket": str(folder / "sluice.sock"),
            "public_sinks": str(c.layout.dir / "sinks"),
            "munge_socket": str(c.layout.munge_socket),
            "sinks": {
                "every": {"type": "file", "path": str(folder / "every.jsonl"), "max_mib": 0},
                "mine": {"type": "file", "path": str(folder / "mine.jsonl"), "max_mib": 0},
                **(sinks(c) if callable(sinks) else sinks or {}),
            },
            "routes": [{"pattern": {"type": [{"prefix": "slurm."}, {"prefix": "sluice."}]},
                        "sinks": ["every"]}],
            **{k: v(c) if callable(v) else v for k, v in more.items()},
        }
    return made


def ask_sluiced(path, op, **arguments):
    """One request at sluiced's socket, and its answer's one line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
        line = connection.makefile().readline()
    reply = json.loads(line) if line else {"error": "the connection was closed"}
    if "error" in reply:
        raise RuntimeError(f"{op}: {reply['error']}")
    return reply


def socket_of(cluster):
    return cluster.layout.sluiced / "sluice.sock"


def settle(cluster, seconds=60, sinks=("every", "mine"), path=None):
    """Until sluiced has nothing to import, a sweep later than now is in, and nothing is queued."""
    path = path or socket_of(cluster)

    def status():
        return ask_sluiced(path, "status")

    def imported():
        state = status()
        left = cluster.inbox_records()
        hidden = [n for n in left if n not in ("gap", "bad")]
        if hidden or state["waiting"]:
            raise RuntimeError(f"inbox holds {len(hidden)}, {state['waiting']} wait")
        return state

    def delivered():
        state = status()
        queued = {n: state["sinks"][n]["queued"] for n in sinks}
        if any(queued.values()):
            raise RuntimeError(f"queued {queued}")
        return state
    wait_until(imported, seconds, "an empty inbox")
    before = status()["last_sweep"]
    ask_sluiced(path, "sweep")
    wait_until(lambda: status()["last_sweep"] != before, seconds, "a sweep")
    wait_until(imported, seconds, "an empty inbox after the sweep")
    return wait_until(delivered, seconds, "empty queues")
