"""latency: from the end hook to the receiver, jobs coming in at a steady pace."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from cluster import wait_until

from . import timings
from .bench_cluster import OURS, BenchCluster
from .report import interval, line, median, quantile
from .sinkhole import Sinkhole

RATE = 20  # jobs a second: a quarter of what this Slurm can run here


def microseconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6


def one_run(options, jobs, work, number):
    arrivals, asks = work / f"arrivals{number}", work / f"asks{number}"
    with Sinkhole(options.build, arrivals=arrivals) as hole:
        def sluice(c):
            # The jobs come from a bare loop and name no sink: a route takes them all.
            return {**c._sluice(c), "routes": [
                {"name": "all", "pattern": {"type": ["slurm.job.start", "slurm.job.end"]},
                 "sinks": ["hook"]}]}
        preload = f"{options.build}/bench/libtime_asks.so"
        with BenchCluster(options.build, OURS, sink_url=hole.url, sluice=sluice,
                          env={"LD_PRELOAD": preload, "SLUICE_BENCH_ASKS": asks}) as c:
            c.run([f"{c.layout.build}/bench/bench_submit", str(jobs), "--rate", str(RATE)],
                  timeout=jobs / RATE * 3 + 60)
            wait_until(lambda: hole.stats()["events"] >= 2 * jobs, 60, "the events")
            asked = timings.read(asks)
    found = {"slurm.job.start": [], "slurm.job.end": []}
    for text in arrivals.read_text().splitlines():
        at, _, kind, when, *_ = text.split()
        found[kind].append((int(at) - microseconds(when)) / 1000)
    return found, [row.total_ns / 1e6 for row in asked if row.kind == 0]


def run(options):
    jobs = 60 if options.quick else 500
    rounds = options.rounds or (1 if options.quick else 3)
    work = Path(tempfile.mkdtemp(prefix="sluice-bench-work-"))
    ends, starts, answers = [], [], []
    try:
        for number in range(rounds):
            found, asked = one_run(options, jobs, work, number)
            ends += found["slurm.job.end"]
            starts += found["slurm.job.start"]
            answers += asked
    finally:
        shutil.rmtree(work, ignore_errors=True)
    low, high = interval(ends)
    line("latency.p50_ms", median(ends), "ms", ci_low=low, ci_high=high, events=len(ends))
    low, high = interval(ends, lambda v: quantile(v, 0.99), rounds=1000)
    line("latency.p99_ms", quantile(ends, 0.99), "ms", ci_low=low, ci_high=high,
         max=max(ends), events=len(ends), bar=100)
    line("latency.start.p50_ms", median(starts), "ms", p99=quantile(starts, 0.99))
    line("latency.slurm_answer_ms", median(answers), "ms", p99=quantile(answers, 0.99),
         questions=len(answers))
