"""sink_probe from Python: a sink's configuration and events in, verdicts out."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

PROBE = Path(os.environ.get("SLUICE_BUILD", "build/dev")) / "tests/aws/sink_probe"


def event(number, type="slurm.job.end", **data):
    job = {"job_id": number, "name": f"job {number} \"x\" ü\n", "user_name": "ada"}
    env = {"SLURM_JOB_ID": str(number), "SLURM_JOB_NAME": job["name"], "SLURM_JOB_USER": "ada",
           "SLURM_CLUSTER_NAME": "testcluster"}
    return {"specversion": "1.0", "id": f"event-{number:06}", "type": type,
            "source": "/slurm/testcluster", "subject": f"job/{number}",
            "time": "2026-03-01T12:00:00.000000Z", "datacontenttype": "application/json",
            "data": {"job": job, "env": env, **data}}


def _run(config, arguments, stdin, environment):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        done = subprocess.run([PROBE, file.name, *arguments], input=stdin, text=True,
                              capture_output=True, timeout=120, env={**base, **environment})
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 2) or done.stderr:
        raise RuntimeError(f"sink_probe: {done.returncode}: {done.stderr}")
    return lines


def send(config, events, environment=None):
    """The probe's lines: one a event, in the order of their answers."""
    text = "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in events)
    lines = _run(config, [], text, environment or {})
    return [line for line in lines if "warning" not in line]


def check(config, environment=None):
    """Empty where the sink is usable, else the problem."""
    lines = _run(config, ["--check"], "", environment or {})
    return next(line["problem"] for line in lines if "problem" in line)


def verdicts(lines):
    return sorted({line.get("verdict", "config") for line in lines})
