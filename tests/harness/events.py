"""Reading what a file sink wrote, and waiting for it."""

import json
from pathlib import Path

from cluster import wait_until


def events_of(path, **wanted):
    """The events of a JSON-lines file, in order; `type="slurm.job.end"` and such select.

    A last line without its newline is still being written and left out.
    """
    path = Path(path)
    if not path.exists():
        return []
    *lines, _ = path.read_text().split("\n")
    events = [json.loads(line) for line in lines if line]
    return [e for e in events if all(e.get(k) == v for k, v in wanted.items())]


def eventually(condition, seconds=20.0, what=""):
    """condition()'s first true value; TimeoutError after `seconds`."""
    return wait_until(condition, seconds, what)
