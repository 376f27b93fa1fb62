"""What scripts/demo shows, given a build folder: a private Slurm, sluiced on its controller and on
both nodes, a webhook receiver, six kinds of jobs, and every event as it arrives.
"""

import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from base64 import b64encode
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from cluster import Cluster, ClusterConfig, sluiceds  # noqa: E402
from cluster.power import PowerSave  # noqa: E402
from demonstration.arrivals import Arrivals, FileFollower  # noqa: E402
from demonstration.jobs import submit_all, use_cloud  # noqa: E402
from demonstration.webhook import WebhookReceiver  # noqa: E402


def show(folder, build):
    secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    began = time.monotonic()
    power = PowerSave(groups={"node": 2}, settings={"SuspendTime": 5, "SuspendTimeout": 3},
                      options={"EventSocket": str(folder / "run" / sluiceds.SOCKET)})
    config = ClusterConfig(name="demo", build=build, plugins=("prep", "spank", "jobcomp"),
                           spank_arguments=sluiceds.spank_arguments(folder), power=power)
    arrivals = Arrivals(sinks=("webhook", "file"))
    with Cluster(config, folder) as cluster, WebhookReceiver(secret, arrivals) as receiver:
        version = f"{cluster.version[0]}.{cluster.version[1]:02}"
        sinks = sinks_of(cluster, receiver.url, secret)
        print("The sinks in sluice.json:")
        for name, sink in sinks.items():
            print(f"  {json.dumps(name)}: {json.dumps(sink)}")
        route = {"pattern": {"type": [{"prefix": "slurm.node."}]}, "sinks": list(sinks)}
        print(f"Events of nodes go to both: {json.dumps(route)}")
        sluiceds.start_all(cluster, {"sinks": sinks, "routes": [route]})
        cluster.start_power()
        print(f"Slurm {version} (munged, slurmctld, slurmd n0 and n1) and four sluiced run after "
              f"{time.monotonic() - began:.1f} s.\n")
        with FileFollower(cluster.layout.sluiced / "events.jsonl", arrivals):
            expected = submit_all(cluster, arrivals)
            expected |= use_cloud(cluster, arrivals)
        good = arrivals.report(expected)
        if not good:
            print(cluster.log_tail())
        return good


def sinks_of(cluster, url, secret):
    layout = cluster.layout
    key = layout.etc / "webhook.key"
    sluiceds.private(key, secret + "\n", cluster.config.users[sluiceds.USER][0])
    return {"hook": {"type": "webhook", "url": url, "secret_file": str(key)},
            "log": {"type": "file", "path": str(layout.sluiced / "events.jsonl")}}


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1], "ctld/sluiced/sluiced").exists():
        return f"demo: {' '.join(sys.argv[1:]) or 'no folder'}: no sluiced is built there"
    # As Ctrl-C: the cluster goes down on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("demo: terminated"))
    folder = Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    good = False
    try:
        good = show(folder, Path(sys.argv[1]))
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
    except (RuntimeError, OSError) as failure:
        print(f"demo: {failure}", file=sys.stderr)
    finally:
        if os.environ.get("SLUICE_KEEP"):
            print(f"Logs and configuration are kept in {folder}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print("All taken down.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
