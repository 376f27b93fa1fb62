"""throughput: a 1,000-job array's makespan with Sluice, without, and with scripts in its place."""

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cluster import ClusterConfig, wait_until
from harness import Moto, SluiceCluster

from . import cpu
from .bench_cluster import NONE, OURS, SCRIPT_AWS, SCRIPT_TRUE, BenchCluster
from .report import interval, line, median
from .sinkhole import Sinkhole

SINGLES_SHARE = 0.5   # of the queued jobs; the rest are tasks of arrays
ARRAY_TASKS = 1000    # MaxArraySize is 1001
CONF = ("MaxJobCount=200000", "MaxArraySize=1001")


@dataclass
class Round:
    """What one array on one fresh cluster showed."""

    makespan: float
    ctld_cpu: float
    jobs: int
    hooks: list = field(default_factory=list)
    launch_ms: list = field(default_factory=list)
    sluiced_cpu: float = 0.0
    threads: dict = field(default_factory=dict)
    events: int = 0

    @property
    def hook_seconds(self):
        return sum(r.total_ns for r in self.hooks) / 1e9


def one_round(options, variant, jobs, hole=None, launches=0, state=None, aws_script=None):
    events = hole.stats()["events"] if hole else 0
    with BenchCluster(options.build, variant, sink_url=hole.url if hole else None,
                      aws_script=aws_script, conf=CONF, state=state, min_job_age=3600) as c:
        pid = c.pid("slurmctld")
        time.sleep(1)  # what a start leaves to be done
        before = cpu.process_seconds(pid)
        makespan = c.run_array(jobs)
        if variant == OURS:
            # Every event counts, also those that are on their way when the array is done.
            wait_until(lambda: hole.stats()["events"] - events >= 2 * jobs, 60, "the events")
        found = Round(makespan, cpu.process_seconds(pid) - before, jobs)
        if variant == OURS:
            found.hooks = c.hooks()
            sluiced = c.pid("sluiced")
            found.sluiced_cpu = cpu.process_seconds(sluiced)
            found.threads = thread_metrics(c)
            found.events = hole.stats()["events"] - events
        if launches:
            found.launch_ms = c.launch_delays(launches)
    return found


def thread_metrics(cluster):
    """CPU seconds of sluiced's threads, from its own metrics."""
    text = cluster.run(["curl", "-s", "--unix-socket", f"{cluster.layout.sluiced}/metrics.sock",
                        "http://sluiced/metrics"]).stdout
    found = {}
    for row in text.splitlines():
        if row.startswith("sluice_thread_cpu_seconds_total{"):
            found[row.split('"')[1]] = float(row.rsplit(" ", 1)[1])
    return found


def queue_state(options, work):
    """A StateSaveLocation with `options.queued` held jobs, for clusters to start from."""
    singles = int(options.queued * SINGLES_SHARE)
    config = ClusterConfig(build=options.build, plugins=(), nodes=2, cpus=64, debug="info",
                           slurm_conf=CONF, min_job_age=3600)
    with SluiceCluster(config=config, folder=work / "queue") as c:
        for begin in range(0, options.queued - singles, ARRAY_TASKS):
            tasks = min(ARRAY_TASKS, options.queued - singles - begin)
            c.sbatch(["--hold", f"--array=0-{tasks - 1}", "-o", "/dev/null"])
        c.run([f"{c.layout.build}/bench/bench_submit", str(singles), "--hold"], timeout=900)
        c.terminate("slurmctld", deadline=120)  # which saves its state
        shutil.copytree(c.layout.state, work / "state", symlinks=True)
    return work / "state"


def aws_script(work, moto):
    """Seed 001's way: the aws command in PrologSlurmctld and EpilogSlurmctld."""
    script = work / "put-events"
    environment = " ".join(f"{k}={v}" for k, v in moto.environment().items())
    script.write_text(f"""#!/bin/bash
export PATH=/usr/bin:/bin HOME=/nonexistent {environment}
entry='[{{"Source":"pcluster.sluice","DetailType":"'$SLURM_SCRIPT_CONTEXT'","Detail":"{{\\"SLURM_JOB_USER\\":\\"'$SLURM_JOB_USER'\\",\\"SLURM_JOB_ID\\":\\"'$SLURM_JOB_ID'\\",\\"SLURM_JOB_NAME\\":\\"'$SLURM_JOB_NAME'\\"}}"}}]'
/usr/bin/aws --endpoint-url {moto.url} events put-events --entries "$entry" >/dev/null
""")
    script.chmod(0o755)
    return script


def report(ours, none, suffix):
    shares = [r.hook_seconds / r.makespan for r in ours]
    env = sum(row.env_ns for r in ours for row in r.hooks)
    total = sum(row.total_ns for r in ours for row in r.hooks)
    line(f"throughput.hook_share{suffix}", median(shares), "fraction", bar=0.01,
         calls=sum(len(r.hooks) for r in ours), env_part=env / total,
         hook_us=median([row.total_ns / 1e3 for r in ours for row in r.hooks]),
         hook_cpu_share=median([sum(row.cpu_ns for row in r.hooks) / 1e9 / r.makespan
                                for r in ours]))
    per_job = [r.ctld_cpu / r.jobs * 1000 for r in ours]
    plain = [r.ctld_cpu / r.jobs * 1000 for r in none]
    low, high = interval([a - b for a, b in zip(per_job, plain)])
    line(f"throughput.ctld_cpu_ms{suffix}", median(per_job), "ms/job", "no plugin", median(plain),
         added=median(per_job) - median(plain), ci_low=low, ci_high=high)
    ratios = [a.makespan / b.makespan for a, b in zip(ours, none)]
    low, high = interval(ratios)
    line(f"throughput.ours{suffix}", median([r.makespan for r in ours]), "s", "no plugin",
         median([r.makespan for r in none]), ratio=median(ratios), ci_low=low, ci_high=high,
         pairs=len(ratios), jobs=ours[0].jobs, bar_ci_high=1.10)
    with_it = [d for r in ours for d in r.launch_ms]
    without = [d for r in none for d in r.launch_ms]
    if with_it and without:
        line(f"throughput.launch_delay_ms{suffix}", median(with_it) - median(without), "ms",
             "launch without plugin", median(without),
             ratio=median(with_it) / median(without), each=len(with_it),
             start_hook_us=median([row.total_ns / 1e3 for r in ours for row in r.hooks
                                   if row.kind == 0]))


def run(options):
    work = Path(tempfile.mkdtemp(prefix="sluice-bench-work-"))
    work.chmod(0o755)
    jobs = 200 if options.quick else 1000
    pairs = options.rounds or (2 if options.quick else 20)
    launches = 5 if options.quick else 20
    # Ten minutes for 1,000 jobs: one round, and a tenth of it where it is not the subject.
    aws_jobs = max(20, jobs // 10) if options.quick or options.queued else jobs
    suffix = ".queued" if options.queued else ""
    ours, none, true, aws = [], [], [], []
    try:
        state = queue_state(options, work) if options.queued else None

        def measure(variant, kept, **more):
            kept.append(one_round(options, variant, more.pop("jobs", jobs), state=state, **more))
        with Sinkhole(options.build) as hole, Moto() as moto:
            script = aws_script(work, moto)
            moto_check(script)
            for at in range(pairs):
                turn = [(OURS, ours, {"hole": hole}), (NONE, none, {})]
                for variant, kept, more in turn if at % 2 == 0 else reversed(turn):
                    measure(variant, kept, launches=launches, **more)
                if at % 4 == 1 or pairs == 1:  # the scripts' distance is far beyond any noise
                    measure(SCRIPT_TRUE, true)
                if at == pairs // 2:
                    measure(SCRIPT_AWS, aws, jobs=aws_jobs, aws_script=script)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(ours, none, suffix)
    mine = median([r.makespan for r in ours])
    line(f"throughput.script_true{suffix}", mine, "s", "scripts that run /bin/true",
         median([r.makespan for r in true]), peer_rounds=len(true), jobs=jobs,
         peer_ctld_cpu_ms=median([r.ctld_cpu / r.jobs * 1000 for r in true]))
    per_job = median([r.makespan / r.jobs for r in aws])
    line(f"throughput.script_aws{suffix}", mine, "s", "scripts that run aws events put-events",
         per_job * jobs, peer_rounds=len(aws), peer_jobs=aws[0].jobs, jobs=jobs, scaled=aws_jobs != jobs)


def moto_check(script):
    """The script works at all: a peer that fails at once would look fast."""
    subprocess.run([script], check=True, timeout=60,
                   env={"SLURM_SCRIPT_CONTEXT": "check", "SLURM_JOB_ID": "1"})
