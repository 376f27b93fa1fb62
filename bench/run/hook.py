"""hook: time inside slurmctld's hooks, and what the SPANK plugin adds to a step."""

import contextlib
import os
import tempfile
import threading

from .bench_cluster import OURS, BenchCluster
from .report import interval, line, median, quantile
from .sinkhole import Sinkhole

HOOKS = ("start", "end")


@contextlib.contextmanager
def fsync_storm(folder, writers=2):
    """Keeps the disk under `folder` busy: each writer appends 64 KiB and waits for the disk."""
    stop = threading.Event()

    def storm():
        with tempfile.TemporaryFile(dir=folder) as file:
            block = os.urandom(64 << 10)
            written = 0
            while not stop.is_set():
                os.pwrite(file.fileno(), block, written % (64 << 20))
                os.fsync(file.fileno())
                written += len(block)
    threads = [threading.Thread(target=storm, daemon=True) for _ in range(writers)]
    for t in threads:
        t.start()
    try:
        yield
    finally:
        stop.set()
        for t in threads:
            t.join()


def slow_name_service(cluster):
    """From here on this cluster's slurmctld waits 20 ms for each name it looks up."""
    private = cluster.layout.etc / "nsswitch.conf"
    private.write_text("passwd: sluiceslow files\ngroup: sluiceslow files\nhosts: files\n")
    # Seen inside the cluster's mount namespace only; who lacks the module skips it.
    cluster.run(["mount", "--bind", private, "/etc/nsswitch.conf"])
    cluster.terminate("slurmctld")
    cluster.start_slurmctld(env={"LD_LIBRARY_PATH": f"{cluster.layout.build}/bench"})
    cluster.wait_nodes()


def report_hooks(rows, suffix=""):
    own = [r.own_ns / 1e3 for r in rows]
    peer = [r.peer_ns / 1e3 for r in rows if r.peer_ns]
    low, high = interval(own)
    by_hook = {}
    for kind, name in enumerate(HOOKS):
        mine = [r for r in rows if r.kind == kind]
        by_hook[f"{name}_us"] = median([r.own_ns / 1e3 for r in mine])
    line(f"hook.prep.own_us{suffix}", median(own), "us", "bare create+write+rename",
         median(peer), p99=quantile(own, 0.99), peer_p99=quantile(peer, 0.99), ci_low=low,
         ci_high=high, calls=len(rows), bytes=median([r.bytes for r in rows]), bar=60,
         bar_ratio=3, **by_hook)
    env = [r.env_ns / 1e3 for r in rows]
    line(f"hook.prep.env_us{suffix}", median(env), "us", p99=quantile(env, 0.99),
         share=median([r.env_ns / r.total_ns for r in rows]))


def prep(options):
    jobs = 40 if options.quick else 500
    with Sinkhole(options.build) as hole:
        for suffix, count in (("", jobs), (".fsync", jobs), (".slow_nss", max(20, jobs // 5))):
            with BenchCluster(options.build, OURS, sink_url=hole.url, peer=True) as c:
                storm = contextlib.nullcontext()
                if suffix == ".fsync":
                    storm = fsync_storm(c.layout.sluiced)
                if suffix == ".slow_nss":
                    slow_name_service(c)
                with storm:
                    c.run_array(count)
                report_hooks(c.hooks(), suffix)


# Runs inside the cluster: `srun true` over and over, with one plugstack.conf or the other.
STEPS = r"""
import os, subprocess, sys, time
job, plugstack, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
times = {"with": [], "without": []}
def one(kind):
    os.symlink(plugstack + "." + kind, plugstack + ".next")
    os.rename(plugstack + ".next", plugstack)
    begin = time.monotonic()
    subprocess.run(["srun", "--jobid", job, "-n1", "true"], check=True)
    times[kind].append((time.monotonic() - begin) * 1000)
for kind in ("with", "without"):
    one(kind)
    times[kind].clear()
for _ in range(rounds):
    for kind in ("with", "without", "without", "with"):
        one(kind)
for kind, values in times.items():
    print(kind, *values)
"""


def step_times(cluster, job, rounds):
    done = cluster.run(["/usr/bin/python3", "-c", STEPS, str(job), cluster.layout.plugstack,
                        str(rounds)], timeout=1800)
    found = {}
    for text in done.stdout.splitlines():
        kind, *values = text.split()
        found[kind] = list(map(float, values))
    return found


def spank(options):
    rounds = 5 if options.quick else options.rounds or 60
    with Sinkhole(options.build) as hole:
        for suffix, arguments in (("", ""), (".steps", " steps=all")):
            with BenchCluster(options.build, OURS, sink_url=hole.url) as c:
                stack = c.layout.plugstack
                text = stack.read_text().rstrip("\n") + arguments + "\n"
                stack.with_name("plugstack.conf.with").write_text(text)
                stack.with_name("plugstack.conf.without").write_text("\n")
                job = c.sbatch([*c.sinks_option(), "-o", "/dev/null"], script="sleep 3600",
                               user="root")
                c.wait_job(job, ("RUNNING",))
                found = step_times(c, job, rounds)
                steps = len(c.inbox_records("n0")) + len(c.inbox_records("n1"))
                added = [a - b for a, b in zip(found["with"], found["without"])]
                low, high = interval(added)
                line(f"hook.spank.srun_added_ms{suffix}",
                     median(found["with"]) - median(found["without"]), "ms",
                     "srun true without it", median(found["without"]),
                     ratio=median(found["with"]) / median(found["without"]),
                     paired_median=median(added), ci_low=low, ci_high=high, each=len(added),
                     records=steps, bar=3)
                c.run(["scancel", str(job)])


def run(options):
    prep(options)
    spank(options)
