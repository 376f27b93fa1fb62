"""Slurm's own commands in a cluster, and waiting for what they show."""

from .inside import Inside
from .wait import wait_until


class SlurmCommands(Inside):
    def wait_nodes(self, nodes=None, states=("idle", "mixed", "allocated"), deadline=30):
        """Until each of `nodes` (default: all but cloud nodes) is in one of `states`."""
        nodes = nodes or self.config.node_names()
        if not nodes:
            return

        def in_state():
            text = self.run(["sinfo", "-h", "-N", "-o", "%N %T", "-n", ",".join(nodes)]).stdout
            seen = dict(line.split() for line in text.splitlines())
            ready = all(seen.get(node) in states for node in nodes)
            return ready or self._not_yet(seen)
        try:
            wait_until(in_state, deadline, f"nodes {nodes} in {states}", every=0.02)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log_tail()}") from None

    @staticmethod
    def _not_yet(what):
        raise RuntimeError(f"now {what}")

    def sbatch(self, args=(), script="#!/bin/sh\ntrue\n", user="alice", env=None, check=True):
        """Submits and returns the job's id; with check=False sbatch's CompletedProcess."""
        if not script.startswith("#!"):
            script = "#!/bin/sh\n" + script
        done = self.run(["sbatch", "--parsable", *args], user=user, env=env, input=script,
                        check=check)
        return int(done.stdout.strip().split(";")[0]) if check else done

    def job(self, job_id):
        """The job's fields as `scontrol show job` names them; {} once it is forgotten."""
        done = self.run(["scontrol", "-o", "show", "job", str(job_id)], check=False)
        pairs = (word.split("=", 1) for word in done.stdout.split() if "=" in word)
        return dict(pairs) if done.returncode == 0 else {}

    def wait_job(self, job_id, states=("COMPLETED",), deadline=60):
        def in_state():
            state = self.job(job_id).get("JobState")
            return state in states or self._not_yet(state)
        return self.wait_until(in_state, deadline, f"job {job_id} in {states}")

    def wait_until(self, predicate, deadline=20.0, what="", every=0.05):
        try:
            return wait_until(predicate, deadline, what, every)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log_tail()}") from None

    def log_tail(self, lines=25):
        """The end of every log, for a failure's message."""
        parts = []
        for path in sorted(self.layout.log.glob("*")):
            # What a daemon logs it also prints; print what has no log, or died before one.
            if path.suffix == ".out" and path.with_suffix(".log").exists():
                continue
            text = path.read_text(errors="replace").splitlines()[-lines:]
            if text:
                parts.append(f"--- {path}\n" + "\n".join(text))
        return "\n".join(parts)
