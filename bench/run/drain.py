"""drain: how fast a full journal empties into one sink, against a bare libcurl loop."""

import json
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from cluster import wait_until
from harness import Moto

from . import cpu
from .bench_cluster import OURS, SECRET, BenchCluster
from .report import interval, line, median
from .sinkhole import Sinkhole, bare_loop

CONNECTIONS = 8  # in_flight, the sinks' default


class Drain:
    def __init__(self, cluster, build, events, work):
        self.c, self.build, self.events, self.work = cluster, build, events, work
        self.rss = []

    def template(self):
        """A real job's end event with its ids taken out: what make_journal multiplies."""
        self.configure({"log": {"type": "file", "path": f"{self.c.layout.sluiced}/one.jsonl"}})
        job = self.c.sbatch(["--event-sink=log:end", "-J", "simulation-run", "-o", "/dev/null"])
        path = self.c.path(self.c.layout.sluiced / "one.jsonl")
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"), 30, "an event")
        text = path.read_text().splitlines()[0]
        text = text.replace(json.loads(text)["id"], "@ID@")
        text = re.sub(rf"\b{job}\b", "@JOB@", text)
        out = self.work / "template.json"
        out.write_text(text)
        return out

    def fill(self, template):
        """The journal that every round starts from."""
        master = self.work / "journal.db"
        subprocess.run([str(self.build / "bench" / "bench_make_journal"), str(master), "hook",
                        str(self.events), str(template)], check=True, timeout=600)
        return master

    def configure(self, sinks):
        self.stop()
        c = self.c
        c.write_sluice_json({
            "inbox": str(c.layout.inbox),
            "journal": {"path": str(c.layout.sluiced / "journal.db")},
            "socket": str(c.layout.sluiced / "sluice.sock"),
            "public_sinks": str(c.layout.dir / "sinks"),
            "log_level": "warning", "sinks": sinks})
        if "log" in sinks:
            c.start_sluiced(c.sluice_json)
            wait_until(lambda: (c.layout.dir / "sinks").exists(), 20, "sluiced")

    def stop(self):
        if "sluiced" in self.c.daemons() and self.c.pid_of("sluiced"):
            self.c.terminate("sluiced")

    def queued(self):
        """Events that are still in the queue, as the journal itself has it."""
        with closing(sqlite3.connect(f"file:{self.c.layout.sluiced}/journal.db?mode=ro",
                                     uri=True)) as db:
            return db.execute("SELECT count(*) FROM queue").fetchone()[0]

    def round(self, sink, hole, env=None, watch=True):
        """Events a second, as the receiver sees them, and the CPU time of sluiced."""
        self.configure({"hook": sink})
        for old in self.c.layout.sluiced.glob("journal.db*"):
            old.unlink()
        shutil.copy(self.work / "journal.db", self.c.layout.sluiced / "journal.db")
        hole.reset()
        self.c.start_sluiced(self.c.sluice_json, env=env)
        pid = self.c.pid("sluiced")
        hole.wait_for(self.events, self.queued)
        if watch:
            self.rss.append(cpu.peak_rss_mib(pid))
        spent = cpu.process_seconds(pid)
        rate = hole.rate()
        self.stop()
        return rate, spent


def one_sink(drain, name, sink, aws, rounds, hole_of):
    env = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
           "AWS_EC2_METADATA_DISABLED": "true"} if aws else None
    capture = drain.work / f"{name}.capture"
    with Sinkhole(drain.build, eventbridge=aws, capture=capture) as hole:
        drain.round(sink(hole.url), hole, env, watch=False)
        captured = hole.stats()["requests"]
    ours, theirs, spent = [], [], []
    with hole_of(drain, aws) as hole:
        def one_of_ours():
            rate, cpu_s = drain.round(sink(hole.url), hole, env)
            ours.append(rate)
            spent.append(cpu_s / drain.events * 1e6)

        def one_of_theirs():
            hole.reset()
            posted = bare_loop(drain.build, hole.url, capture, CONNECTIONS, captured)
            theirs.append(hole.rate(drain.events / posted["seconds"]))
        for _ in range(rounds):
            for step in (one_of_ours, one_of_theirs, one_of_theirs, one_of_ours):
                step()
    capture.unlink()
    pairs = [a / b for a, b in zip(ours, theirs)]
    low, high = interval(pairs)
    line(f"drain.{name}", median(ours), "events/s", "bare libcurl multi loop", median(theirs),
         ci_low=low, ci_high=high, rounds=len(ours), events=drain.events,
         requests=captured, connections=CONNECTIONS, cpu_us_per_event=median(spent),
         spread=statistics.pstdev(ours) / median(ours))


def fast(drain, aws):
    return Sinkhole(drain.build, eventbridge=aws)


class MotoHole:
    """moto: an EventBridge that really takes every entry. It keeps no times, so the journal's own
    queue is the clock of ours, and the bare loop has its own."""

    def __init__(self, _drain, _aws):
        self.moto = Moto()

    def __enter__(self):
        self.moto.start()
        self.url = self.moto.url + "/"
        return self

    def __exit__(self, *_):
        self.moto.stop()

    def reset(self):
        self.first = self.last = None

    def wait_for(self, events, queued):
        def gone():
            left, now = queued(), time.monotonic()
            if left < events and self.first is None:
                self.first = (now, left)
            self.last = now
            return left == 0
        wait_until(gone, 1800, "the drain", every=0.05)

    def rate(self, bare=None):
        if bare is not None:
            return bare
        began, left = self.first
        return left / (self.last - began)


class Nginx(Sinkhole):
    """nginx that answers 200 to everything; its access log, a line a POST, is the clock."""

    def __init__(self, drain):
        super().__init__(drain.build)
        self.work = drain.work / "nginx"
        self.work.mkdir()
        self.log = self.work / "access.log"

    def __enter__(self):
        temp = "".join(f"{kind}_temp_path {self.work}; " for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.work / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.work}/pid; error_log {self.work}/error.log;
events {{ worker_connections 256; }}
http {{
  {temp}
  map $request_method $posted {{ POST 1; default 0; }}
  log_format clock "$msec";
  keepalive_requests 100000000;
  client_max_body_size 4m;
  server {{
    listen 127.0.0.1:{self.port};
    access_log {self.log} clock if=$posted;
    location / {{ return 200; }}
  }}
}}
""")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{self.work}/nginx.conf"],
                                        stdin=subprocess.DEVNULL)
        wait_until(self.log.exists, 10, "nginx")
        return self

    def reset(self):
        with open(self.log, "w"):
            pass

    def stats(self):
        times = self.log.read_text().split()
        return {"events": len(times), "requests": len(times),
                "first_us": float(times[0]) * 1e6 if times else 0,
                "last_us": float(times[-1]) * 1e6 if times else 0}


def run(options):
    work = Path(tempfile.mkdtemp(prefix="sluice-drain-"))
    rounds = options.rounds or (1 if options.quick else 5)
    try:
        with BenchCluster(options.build, OURS, sluice={}, nodes=1) as cluster:
            drain = Drain(cluster, options.build, 10_000 if options.quick else 100_000, work)
            master = drain.fill(drain.template())
            assert master.exists()

            def webhook(url):
                return {"type": "webhook", "url": url, "secret": SECRET}

            def eventbridge(url):
                return {"type": "eventbridge", "region": "us-east-1", "endpoint": url.rstrip("/")}
            one_sink(drain, "webhook", webhook, False, rounds, fast)
            one_sink(drain, "eventbridge", eventbridge, True, rounds, MotoHole)
            one_sink(drain, "eventbridge.instant", eventbridge, True, rounds, fast)
            line("drain.rss_mib", max(drain.rss), "MiB", bar=64)
            if Path("/usr/sbin/nginx").exists():
                one_sink(drain, "webhook.nginx", webhook, False, max(1, rounds // 2),
                         lambda d, _: Nginx(d))
    finally:
        shutil.rmtree(work)
