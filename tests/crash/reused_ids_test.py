"""slurmctld, killed within its save interval, gives a forgotten job's id to another job."""

import unittest

from crash.load import all_over, nodes_back
from harness import SluiceCluster, accounted, assert_contract, events_of, known_jobs, settle
from harness.contract import LOST, START

TRIES = 8


class ReusedIds(unittest.TestCase):
    def setUp(self):
        self.c = self.enterContext(SluiceCluster(
            sluice=accounted(), plugins=("prep", "spank", "jobcomp"), min_job_age=3600))

    def just_saved(self):
        """Now slurmctld saves no job for the next 5 s."""
        saved = self.c.layout.state / "job_state"
        before = saved.stat().st_mtime_ns if saved.exists() else 0
        self.c.sbatch(["-J", "saved", "--hold"])
        self.c.wait_until(lambda: saved.stat().st_mtime_ns != before, 20, "saved jobs")

    def forgotten(self, script):
        """A started job that slurmctld forgets: killed before it saved the job."""
        c = self.c
        for _ in range(TRIES):
            self.just_saved()
            job = c.sbatch(["-J", "sel-old", "--event-sink=mine"], script)
            c.wait_until(lambda: self.starts_in_the_inbox_or_out(job), 10, "the start hook")
            c.kill9("slurmctld")
            c.start_slurmctld()
            nodes_back(c)
            c.run(["scancel", "--name=saved"])
            if job in [j.id for j in known_jobs(c)]:
                c.run(["scancel", str(job)])
                continue
            # slurmd is told to end a job nobody knows; until then the id's next job cannot run.
            c.wait_until(lambda: not c.pids("slurmstepd"), 30, "the end of the forgotten job")
            return job
        self.skipTest(f"slurmctld saved its jobs in time, {TRIES} times")

    def starts_in_the_inbox_or_out(self, job):
        if self.c.pid_of("sluiced") is None:
            return [n for n in self.c.inbox_records() if n != "gap"]
        events = events_of(self.c.layout.sluiced / "every.jsonl", type=START)
        return [e for e in events if e["data"]["job"]["job_id"] == job]

    def assert_two_runs(self, old):
        new = self.c.sbatch(["-J", "sel-new", "--event-sink=mine"], "true", user="bob")
        self.assertEqual(new, old)
        all_over(self.c)
        settle(self.c)
        contract = assert_contract(self, self.c)
        runs = contract.runs_of(new)
        self.assertEqual([(start["data"]["job"]["user_name"], close["type"] == LOST)
                          for start, close in runs], [("alice", True), ("bob", False)])
        self.assertNotEqual(runs[0][0]["id"], runs[1][0]["id"])

    def test_forgotten_while_running(self):
        self.assert_two_runs(self.forgotten("sleep 600"))

    def test_sluiced_was_away(self):
        """Both jobs' records are read together, when slurmctld knows the second job only."""
        c = self.c
        c.terminate("sluiced")
        old = self.forgotten("sleep 600")
        new = c.sbatch(["-J", "sel-new", "--event-sink=mine"], "true", user="bob")
        self.assertEqual(new, old)
        all_over(c)
        c.start_sluiced(c.sluice_json)
        settle(c)
        contract = assert_contract(self, c)
        runs = contract.runs_of(new)
        self.assertEqual([(start["data"]["job"]["user_name"], close["type"] == LOST)
                          for start, close in runs], [("alice", True), ("bob", False)])


if __name__ == "__main__":
    unittest.main()
