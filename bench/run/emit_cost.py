"""emit_cost: the CPU time of an event from its hook to its acknowledged delivery."""

import resource
import subprocess
import tempfile
import shutil
from pathlib import Path

from harness import Moto

from .bench_cluster import NONE, OURS
from .report import interval, line, median
from .sinkhole import Sinkhole
from .throughput import aws_script, one_round


def aws_cpu_us(calls):
    """User and system time of one `aws events put-events` as seed 001 runs it."""
    work = Path(tempfile.mkdtemp(prefix="sluice-bench-work-"))
    work.chmod(0o755)
    spent = []
    try:
        with Moto() as moto:
            script = aws_script(work, moto)
            for at in range(calls + 1):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run([script], check=True, timeout=60,
                               env={"SLURM_SCRIPT_CONTEXT": "pcluster_job_end",
                                    "SLURM_JOB_ID": str(at), "SLURM_JOB_USER": "alice",
                                    "SLURM_JOB_NAME": "bench"})
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent.append((after.ru_utime + after.ru_stime
                              - before.ru_utime - before.ru_stime) * 1e6)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return median(spent[1:])  # the first one filled the caches


def run(options):
    jobs = 200 if options.quick else 1000
    pairs = options.rounds or (2 if options.quick else 8)
    ours, none = [], []
    with Sinkhole(options.build) as hole:
        for at in range(pairs):
            turn = [(OURS, ours, hole), (NONE, none, None)]
            for variant, kept, sink in turn if at % 2 == 0 else reversed(turn):
                kept.append(one_round(options, variant, jobs, hole=sink))

    def per_event(seconds):
        return median([seconds(r) / r.events * 1e6 for r in ours])
    # slurmctld's share by difference, since it also answers sluiced's questions; the hooks' part
    # of it is known from within.
    plain = median([r.ctld_cpu for r in none])
    ctld = per_event(lambda r: r.ctld_cpu - plain)
    hook = per_event(lambda r: sum(row.cpu_ns for row in r.hooks) / 1e9)
    sluiced = per_event(lambda r: r.sluiced_cpu)
    shares = {name: per_event(lambda r, name=name: r.threads.get(name, 0))
              for name in ("import", "asker", "courier", "http")}
    # Where noise makes slurmctld's difference less than what its hooks are known to take.
    ctld = max(ctld, hook)
    value = ctld + sluiced
    low, high = interval([(max(a.ctld_cpu - b.ctld_cpu, 0) + a.sluiced_cpu) / a.events * 1e6
                          for a, b in zip(ours, none)])
    peer = aws_cpu_us(3 if options.quick else 12)
    line("emit_cost", value, "us/event", "aws events put-events", peer, ratio=peer / value,
         ci_low=low, ci_high=high, events=sum(r.events for r in ours), bar_ratio=500)
    line("emit_cost.hook_us", hook, "us/event")
    line("emit_cost.import_us", shares["import"], "us/event")
    line("emit_cost.completion_us", shares["asker"] + ctld - hook, "us/event",
         asker_us=shares["asker"], slurmctld_us=ctld - hook)
    line("emit_cost.delivery_us", shares["courier"] + shares["http"], "us/event",
         http_us=shares["http"])
    line("emit_cost.rest_us", sluiced - sum(shares.values()), "us/event")
