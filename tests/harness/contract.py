"""The contract of docs/architecture.md, checked from outside.

What slurmctld itself still knows (scontrol) is compared with what stands in the sinks' files,
never with sluiced's journal. All complaints are gathered, so that one look shows them together.
"""

import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

START, END, LOST = "slurm.job.start", "slurm.job.end", "slurm.job.lost"
CANCELLED = "slurm.job.cancelled"
# Where slurmctld could not be asked, a run's start is its hook's time, this near the real one.
NEAR = 5


@dataclass
class Known:
    """A job as slurmctld knows it."""
    id: int
    name: str
    state: str
    start: int  # 0: not started
    restarts: int
    nodes: str

    @property
    def started(self):
        return self.start > 0 and self.state != "PENDING" and self.nodes not in ("", "(null)")

    @property
    def ended(self):
        return self.state not in ("PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING")


def known_jobs(cluster):
    """Every job slurmctld knows, tasks of arrays each for itself."""
    shown = cluster.popen(["scontrol", "-o", "show", "jobs"], env={"SLURM_TIME_FORMAT": "%s"},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    text = shown.communicate(timeout=60)[0].decode(errors="replace")
    if shown.returncode != 0:
        raise RuntimeError(f"scontrol show jobs: exit {shown.returncode}")
    jobs = []
    # A line a job, unless its name has line breaks of its own.
    for line in re.split(r"^(?=JobId=\d+ )", text, flags=re.MULTILINE):
        pairs = dict(w.split("=", 1) for w in line.split() if "=" in w)
        if "JobId" not in pairs:
            continue
        start = pairs.get("StartTime", "")
        jobs.append(Known(int(pairs["JobId"]), pairs.get("JobName", ""), pairs["JobState"],
                          int(start) if start.isdigit() else 0, int(pairs.get("Restarts", 0)),
                          pairs.get("NodeList", "")))
    return jobs


def lines_of(path):
    """The events of a file sink with its rotated files, oldest first, each as (raw, event)."""
    path = Path(path)
    rotated = sorted((p for p in path.parent.glob(path.name + ".*")),
                     key=lambda p: -int(p.name.rsplit(".", 1)[1]))
    out = []
    for file in [*rotated, path]:
        if not file.exists():
            continue
        for raw in file.read_bytes().split(b"\n")[:-1]:
            try:
                event = json.loads(raw)
            except ValueError:
                continue  # torn by a crash or a full disk: written again after it
            if isinstance(event, dict) and "id" in event:
                out.append((raw, event))
    return out


def job_of(event):
    return event["data"]["job"]["job_id"]


def seconds_of(event):
    from datetime import datetime
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class Contract:
    """`Contract(cluster).check()`: the complaints, empty if all is well."""

    def __init__(self, cluster, sink="every"):
        self.cluster = cluster
        self.complaints = []
        self.repeats = 0
        self.lines = lines_of(cluster.layout.sluiced / f"{sink}.jsonl")
        self.first = self._first_of_each(self.lines, sink)
        self.by_job = defaultdict(list)
        for event in self.first.values():
            if event["type"].startswith("slurm.job."):
                self.by_job[job_of(event)].append(event)
        self.known = known_jobs(cluster)

    def complain(self, text):
        self.complaints.append(text)

    def _first_of_each(self, lines, sink):
        """Events by id, in the order they came first; repeats must be the very same bytes."""
        first, raws = {}, {}
        for raw, event in lines:
            if event["id"] not in first:
                first[event["id"]], raws[event["id"]] = event, raw
                continue
            self.repeats += 1
            if raws[event["id"]] != raw:
                self.complain(f"{sink}: two different events have the id {event['id']}:\n"
                              f"  {raws[event['id']][:300]}\n  {raw[:300]}")
        return first

    @staticmethod
    def _is_of(event, job):
        """Is this event of the run that slurmctld knows?"""
        about = event["data"]["job"]
        if about.get("start_time") is not None:
            return about["start_time"] == job.start
        return event["type"] == START and -1 < seconds_of(event) - job.start <= NEAR

    def runs_of(self, job_id):
        """[(start event, closing event or None)], paired in the order they came."""
        open_runs, runs = [], []
        for event in self.by_job[job_id]:
            if event["type"] == START:
                runs.append([event, None])
                open_runs.append(runs[-1])
            elif event["type"] in (END, LOST):
                mine = sorted((r for r in open_runs if self._distance(r[0], event) is not None),
                              key=lambda r: self._distance(r[0], event))
                if not mine:
                    self.complain(f"job {job_id}: {event['type']} {event['id']} comes without a "
                                  "start before it")
                    continue
                mine[0][1] = event
                open_runs.remove(mine[0])
        return runs

    @staticmethod
    def _distance(start, end):
        """0: surely of one run, 1: perhaps, None: not."""
        a = start["data"]["job"].get("start_time")
        b = end["data"]["job"].get("start_time")
        return 0 if a == b else 1 if a is None or b is None else None

    def check(self):
        self.check_known()
        self.check_forgotten()
        self.check_selected()
        return self.complaints

    def check_known(self):
        """Every run slurmctld knows has its start, and its end when it has ended."""
        for job in self.known:
            if not job.started:
                if job.state == "CANCELLED" and CANCELLED not in self._types(job.id):
                    self.complain(f"{job}: no {CANCELLED}")
                continue
            mine = [r for r in self.runs_of(job.id) if self._is_of(r[0], job)]
            if not mine:
                self.complain(f"{job}: no {START}; there are {self._shown(job.id)}")
            elif len(mine) > 1:
                self.complain(f"{job}: {len(mine)} starts with different ids: "
                              f"{self._shown(job.id)}")
            elif job.ended and (mine[0][1] is None or mine[0][1]["type"] != END):
                self.complain(f"{job}: no {END}; there are {self._shown(job.id)}")

    def check_forgotten(self):
        """Every start is closed, unless slurmctld knows that it still runs."""
        running = {(j.id, j.start) for j in self.known if j.started and not j.ended}
        for job_id in list(self.by_job):
            for start, close in self.runs_of(job_id):
                if close is None and not any(
                        i == job_id and self._is_of(start, Known(i, "", "", s, 0, ""))
                        for i, s in running):
                    self.complain(f"job {job_id}: run {start['id']} has neither {END} nor {LOST}: "
                                  f"{self._shown(job_id)}")
        self.complaints = list(dict.fromkeys(self.complaints))

    def check_selected(self, sink="mine", prefix="sel"):
        """What jobs named `prefix`… is also in the sink they named, and nobody else's is."""
        there = self._first_of_each(lines_of(self.cluster.layout.sluiced / f"{sink}.jsonl"), sink)
        for event in self.first.values():
            if event["type"] not in (START, END, LOST, CANCELLED):
                continue
            name = event["data"]["job"].get("name")
            if name is None:
                continue  # slurmctld died before it could be asked: whose it was nobody can say
            named = name.startswith(prefix)
            if named != (event["id"] in there):
                self.complain(f"{sink}: {event['type']} of job {job_of(event)} "
                              f"({event['data']['job'].get('name')}) is "
                              f"{'missing' if named else 'there unasked'}")
        for id in there.keys() - self.first.keys():
            self.complain(f"{sink}: event {id} never came to the route")

    def _types(self, job_id):
        return [e["type"] for e in self.by_job[job_id]]

    def _shown(self, job_id):
        return [(e["type"].removeprefix("slurm.job."), e["data"]["job"].get("start_time"),
                 e["data"]["job"].get("restart_cnt"), e["time"], e["id"][:8],
                 "reconciled" if e["data"].get("reconciled") else "hook")
                for e in self.by_job[job_id]]

    def lost(self):
        return [e for e in self.first.values() if e["type"] == LOST]


def assert_contract(test, cluster):
    """Fails the test with every complaint; returns the Contract for further looks."""
    contract = Contract(cluster)
    test.assertGreater(len(contract.first), 0, "no event came at all")
    complaints = contract.check()
    test.assertFalse(complaints, f"{len(complaints)} complaints:\n" + "\n".join(complaints[:40]))
    return contract
