"""What scripts/demo shows, given a build folder: a private Slurm, sluiced on its controller and on
both nodes, a webhook receiver, five kinds of jobs, and every event as it arrives.
"""

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

from cluster import Cluster, ClusterConfig  # noqa: E402
from demonstration.arrivals import Arrivals, FileFollower  # noqa: E402
from demonstration.jobs import submit_all  # noqa: E402
from demonstration.sluiced import SOCKET, start_all  # noqa: E402
from demonstration.webhook import WebhookReceiver  # noqa: E402


def show(folder, build):
    secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    began = time.monotonic()
    config = ClusterConfig(name="demo", build=build, plugins=("prep", "spank", "jobcomp"),
                           spank_arguments=(f"sinks={folder}/run/sinks",
                                            f"socket={folder}/%n/{SOCKET}"))
    arrivals = Arrivals(sinks=("webhook", "file"))
    with Cluster(config, folder) as cluster, WebhookReceiver(secret, arrivals) as receiver:
        version = f"{cluster.version[0]}.{cluster.version[1]:02}"
        start_all(cluster, receiver.url, secret)
        print(f"Slurm {version} (munged, slurmctld, slurmd n0 and n1) and three sluiced run after "
              f"{time.monotonic() - began:.1f} s.\n")
        with FileFollower(cluster.layout.sluiced / "events.jsonl", arrivals):
            expected = submit_all(cluster, arrivals)
        good = arrivals.report(expected)
        if not good:
            print(cluster.log_tail())
        return good


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1], "ctld/sluiced/sluiced").exists():
        return f"demo: {' '.join(sys.argv[1:]) or 'no folder'}: no sluiced is built there"
    # As Ctrl-C: the cluster goes down on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: terminated"))
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
