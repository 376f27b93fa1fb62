"""Events as they arrive: one line each, a tally, and the verdict in the end."""

import json
import threading
import time
from datetime import datetime

HEADER = f"  {'arrived':13} {'sink':8} {'event':20} {'subject':17} {'what':20} after"


def parse_time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def ending(exit_code):
    if not exit_code:
        return ""
    if exit_code["signal"]:
        return f"signal {exit_code['signal']}"
    return f"exit {exit_code['return_code']}"


def what(event):
    """State and exit code, as far as an event of this type has them."""
    data = event["data"]
    if event["type"].startswith("user."):
        return json.dumps(data["value"])
    if event["type"].startswith("slurm.node."):
        return data["reason"] or data["node"]["address"]
    if event["type"] == "slurm.job.launch":
        return f"on {data['node']}"
    if event["type"] == "slurm.job.exit":
        how = f"signal {data['signal']}" if "signal" in data else f"exit {data['exit_code']}"
        return f"on {data['node']}: {how}"
    state = (data["job"]["job_state"] or ["?"])[0]
    if state == "CANCELLED":
        return state  # its exit code would say nothing
    return " ".join(filter(None, [state, ending(data["job"]["exit_code"])]))


def key(event):
    """(job, type): a node's events have their node in the subject, job/1/n0."""
    return "/".join(event["subject"].split("/")[:2]), event["type"]


class Arrivals:
    def __init__(self, sinks):
        self.seen = {sink: {} for sink in sinks}  # event id -> (job, type)
        self.repeats = 0
        self.refused = []  # what a receiver found wrong
        self.latencies = []
        self._lock = threading.Lock()

    def add(self, sink, event):
        now = time.time()
        after = now - parse_time(event["time"])
        with self._lock:
            if event["id"] in self.seen[sink]:
                self.repeats += 1  # at least once: a repeat is known by its id
                return
            self.seen[sink][event["id"]] = key(event)
            self.latencies.append(after)
            clock = datetime.fromtimestamp(now).strftime("%H:%M:%S.%f")[:12]
            print(f"  {clock:13} {sink:8} {event['type']:20} {event['subject']:17} "
                  f"{what(event):20} {after * 1000:.0f} ms", flush=True)

    def refuse(self, why):
        with self._lock:
            self.refused.append(why)

    def everywhere(self, events):
        with self._lock:
            return all(set(events) <= set(seen.values()) for seen in self.seen.values())

    def report(self, expected):
        """Prints the verdict; True if each sink had each event once, and nothing else came."""
        good = not self.refused
        for sink, seen in self.seen.items():
            got = list(seen.values())
            missing = sorted(expected - set(got))
            extra = sorted(set(got) - expected)
            doubled = len(got) - len(set(got))
            print(f"{sink}: {len(expected) - len(missing)} of {len(expected)} expected events"
                  + "".join(f"; MISSING {type} of {subject}" for subject, type in missing)
                  + "".join(f"; NOT EXPECTED {type} of {subject}" for subject, type in extra)
                  + (f"; {doubled} UNDER TWO IDS" if doubled else ""))
            good = good and not missing and not extra and not doubled
        for why in self.refused:
            print(f"webhook: a request was REFUSED: {why}")
        if self.latencies:
            ordered = sorted(self.latencies)
            print(f"From hook to sink: median {ordered[len(ordered) // 2] * 1000:.0f} ms, "
                  f"slowest {ordered[-1] * 1000:.0f} ms; {self.repeats} repeats.")
        return good


class FileFollower:
    """Reads what a file sink appends, as tail -F would."""

    def __init__(self, path, arrivals):
        self.path, self.arrivals = path, arrivals
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)

    def _follow(self):
        position, rest = 0, b""
        while not self._stop.wait(0.005):
            try:
                with open(self.path, "rb") as file:
                    file.seek(position)
                    rest += file.read()
                    position = file.tell()
            except FileNotFoundError:
                continue
            *lines, rest = rest.split(b"\n")
            for line in lines:
                self.arrivals.add("file", json.loads(line))
