"""BenchCluster: a private Slurm as a benchmark wants it, with one of several things loaded."""

import os
import re
import shutil
import tempfile
import time
from datetime import datetime

from cluster import ClusterConfig, wait_until
from harness import SluiceCluster

from . import cpu, timings

# Standard Webhooks' own form; signing is part of what is measured.
SECRET = "whsec_c2x1aWNlLWJlbmNobWFyay1zZWNyZXQtbm90LXJlYWwtMDAwMA=="

# Slurm's own but for the 3 s that it lets a batch job wait: they would start paced jobs in bursts
# and put a random part of themselves into each makespan.
PACE = "batch_sched_delay=0"

# What Slurm has loaded.
NONE = "none"                # no plugin
OURS = "ours"                # prep and spank, sluiced with a live sink
SCRIPT_TRUE = "script_true"  # PrologSlurmctld and EpilogSlurmctld run /bin/true
SCRIPT_AWS = "script_aws"    # … run aws events put-events


class BenchCluster(SluiceCluster):
    """A cluster of 2 nodes that claim 64 CPUs each, at Slurm's own pace and log level.

    `build` is Sluice's release build. With OURS, slurmctld loads the timed build of the very same
    plugin (bench/prep_timed.cpp); hooks() are its measurements.
    """

    def __init__(self, build, variant, sink_url=None, aws_script=None, peer=False, conf=(),
                 sluice=None, env=None, state=None, **settings):
        folder = tempfile.mkdtemp(prefix="sluice-bench-")
        self.variant, self.sink_url = variant, sink_url
        self.timings_file = f"{folder}/hooks.bin"
        lines = list(conf)
        plugins = ()
        if variant == OURS:
            plugins = ("prep", "spank")
            params = [f"sluice_bench={self.timings_file}"]
            if peer:
                params.append(f"sluice_bench_peer={folder}/inbox/.peer")
            settings["prep_parameters"] = tuple(params)
            settings["spank_arguments"] = (f"sinks={folder}/sinks",)
            sluice = sluice or self._sluice
        elif variant == SCRIPT_TRUE:
            lines += ["PrologSlurmctld=/bin/true", "EpilogSlurmctld=/bin/true"]
        elif variant == SCRIPT_AWS:
            lines += [f"PrologSlurmctld={aws_script}", f"EpilogSlurmctld={aws_script}"]
        settings = {"nodes": 2, "cpus": 64, "debug": "info", "scheduler_parameters": PACE,
                    "plugins": plugins, **settings}
        config = ClusterConfig(build=build, slurm_conf=tuple(lines), **settings)
        super().__init__(sluice=sluice if variant == OURS else None, env=env, config=config,
                         folder=folder)
        if variant == OURS:
            system = next(p for p in ("/usr/lib/x86_64-linux-gnu/slurm-wlm",
                                      "/usr/lib/aarch64-linux-gnu/slurm-wlm")
                          if os.path.isdir(p))
            self.config.slurm_conf += (f"PluginDir={self.layout.build}/bench/prep:{system}",)
        if state:
            shutil.copytree(state, self.layout.state, symlinks=True, dirs_exist_ok=True,
                            copy_function=_hard_link)

    def _sluice(self, _):
        return {
            "inbox": str(self.layout.inbox),
            "journal": {"path": str(self.layout.sluiced / "journal.db")},
            "socket": str(self.layout.sluiced / "sluice.sock"),
            "public_sinks": str(self.layout.dir / "sinks"),
            "metrics": f"unix:{self.layout.sluiced}/metrics.sock",
            "log_level": "warning",
            "sinks": {"hook": {"type": "webhook", "url": self.sink_url, "secret": SECRET}},
        }

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None:
            self.remove_files()

    def stop(self, keep=False):
        super().stop(keep=True)

    def hooks(self):
        return timings.read(self.timings_file)

    def pid(self, name):
        return cpu.outside_pid(self, self.pid_of(name))

    def sinks_option(self):
        return ["--event-sink=hook:start,end"] if self.variant == OURS else []

    def nodes_idle(self):
        done = self.run(["sinfo", "-h", "-N", "-o", "%T"])
        return set(done.stdout.split()) == {"idle"}

    # What slurmctld says in its log, whose times are in ms.

    def log_lines(self):
        return (self.layout.log / "slurmctld.log").read_text(errors="replace").splitlines()

    def run_array(self, jobs, deadline=1800, script="#!/bin/sh\ntrue\n"):
        """Submits an array and returns the seconds until no node has any of it left."""
        log = self.layout.log / "slurmctld.log"
        offset = log.stat().st_size
        begin = time.time()
        # Slurm's own bound on an array's size is 1001.
        self.sbatch([*self.sinks_option(), f"--array=0-{jobs - 1}", "-o", "/dev/null",
                     "-D", "/tmp"], script=script)
        seen = 0
        end = time.monotonic() + deadline
        with open(log, "rb") as file:
            file.seek(offset)
            rest = b""
            while seen < jobs:
                chunk = file.read()
                *lines, rest = (rest + chunk).split(b"\n")
                seen += sum(b"_job_complete: JobId=" in text and text.endswith(b" done")
                            for text in lines)
                if time.monotonic() > end:
                    raise TimeoutError(f"{seen} of {jobs} jobs after {deadline} s\n"
                                       + self.log_tail())
                time.sleep(0.05)
        wait_until(self.nodes_idle, deadline, "idle nodes", every=0.02)
        return time.time() - begin

    def launch_delays(self, jobs):
        """Milliseconds from a job's allocation to its script's first command, one job at a time."""
        out = self.layout.home("alice") / "began"
        delays = []
        for _ in range(jobs):
            out.unlink(missing_ok=True)
            job = self.sbatch([*self.sinks_option(), "-o", "/dev/null"],
                              script=f"#!/bin/sh\necho $(date +%s%N) > {out}.new\n"
                                     f"mv {out}.new {out}\n")
            wait_until(out.exists, 30, f"job {job}", every=0.01)
            wait_until(self.nodes_idle, 30, "idle nodes", every=0.01)
            began = int(out.read_text()) / 1e6
            for text in reversed(self.log_lines()):
                if re.search(rf"Allocate JobId={job}\b", text):
                    stamp = datetime.fromisoformat(text[1:text.index("]")])
                    delays.append(began - stamp.timestamp() * 1000)
                    break
        return delays


def _hard_link(source, target):
    os.link(source, target)
