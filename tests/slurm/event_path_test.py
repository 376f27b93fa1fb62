"""The main path on a real Slurm: a job's life reaches a webhook and a file."""
import json
import unittest

from harness import Receiver, SluiceCluster, eventually, events_of


def config(receiver):
    def made(c):
        return {
            "inbox": str(c.layout.inbox),
            "journal": {"path": str(c.layout.sluiced / "journal.db")},
            "socket": str(c.layout.sluiced / "sluice.sock"),
            "public_sinks": str(c.layout.dir / "sinks"),
            "sinks": {
                "hook": {"type": "webhook", "url": receiver.url},
                "log": {"type": "file", "path": str(c.layout.sluiced / "events.jsonl")},
            },
        }
    return made


class EventPath(unittest.TestCase):
    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        self.c = self.enterContext(SluiceCluster(
            sluice=config(self.receiver), plugins=("prep", "spank", "jobcomp"),
            slurm_conf=("MinJobAge=60",)))

    def events(self, job, type=None):
        path = self.c.path(self.c.layout.sluiced / "events.jsonl")
        return [e for e in events_of(path) if e.get("subject", "").split("/")[1] == str(job)
                and (type is None or e["type"] == type)]

    def posted(self, count):
        """The events the webhook got, once there are `count` (its check has no body)."""
        bodies = [json.loads(r.body) for r in self.receiver.requests if r.body]
        return bodies if len(bodies) >= count else None

    def test_job_that_exits_3(self):
        job = self.c.sbatch(["--event-sink=hook,log"], script="exit 3", user="alice")
        end = eventually(lambda: self.events(job, "slurm.job.end"), 15)[0]
        start = self.events(job, "slurm.job.start")[0]
        self.assertEqual(end["data"]["job"]["exit_code"],
                         {"status": "ERROR", "return_code": 3, "signal": None})
        self.assertEqual(end["data"]["job"]["job_state"][0], "FAILED")
        self.assertEqual(start["data"]["job"]["user_name"], "alice")
        self.assertEqual(start["data"]["env"]["SLURM_JOB_ID"], str(job))
        self.assertLessEqual(start["data"]["env"].keys(), end["data"]["env"].keys())
        self.assertEqual(end["data"]["env"]["SLURM_JOB_EXIT_CODE2"], "3:0")
        self.assertEqual(start["source"], "/slurm/" + self.c.config.name)
        self.assertNotEqual(start["id"], end["id"])
        bodies = eventually(lambda: self.posted(2), 10)
        self.assertEqual([b["id"] for b in bodies][:2], [start["id"], end["id"]])

    def test_cancelled_while_running_and_while_pending(self):
        running = self.c.sbatch(["--event-sink=log"], script="sleep 600")
        pending = self.c.sbatch(["--event-sink=log", "--hold"], script="true")
        eventually(lambda: self.events(running, "slurm.job.start"), 15)
        self.c.run(["scancel", str(running), str(pending)])
        end = eventually(lambda: self.events(running, "slurm.job.end"), 15)[0]
        self.assertEqual(end["data"]["job"]["job_state"][0], "CANCELLED")
        gone = eventually(lambda: self.events(pending, "slurm.job.cancelled"), 15)[0]
        self.assertIsNone(gone["data"]["job"]["nodes"])
        self.assertEqual(self.events(pending, "slurm.job.start"), [])

    def test_requeue_makes_two_runs(self):
        job = self.c.sbatch(["--event-sink=log", "--requeue"], script="sleep 600")
        eventually(lambda: self.events(job, "slurm.job.start"), 15)
        self.c.run(["scontrol", "requeue", str(job)])
        eventually(lambda: self.events(job, "slurm.job.requeue"), 15)

        def started_again():
            # A requeued job may not start for two minutes unless it is told to; told while it is
            # still on its way back to the queue, it forgets.
            if len(self.events(job, "slurm.job.start")) == 2:
                return True
            self.c.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], check=False)
            return False

        eventually(started_again, 60)
        self.c.run(["scancel", str(job)])
        eventually(lambda: len(self.events(job, "slurm.job.end")) == 2, 15)
        ids = [e["id"] for e in self.events(job)]
        self.assertEqual(len(ids), len(set(ids)))


    def test_cancelled_while_it_waits_for_its_second_run(self):
        job = self.c.sbatch(["--event-sink=log", "--requeue"], script="sleep 600")
        eventually(lambda: self.events(job, "slurm.job.start"), 15)
        self.c.run(["scontrol", "requeuehold", str(job)])
        eventually(lambda: self.events(job, "slurm.job.requeue"), 15)
        eventually(lambda: self.c.run(["squeue", "-h", "-j", str(job), "-o%T"]).stdout.strip() ==
                   "PENDING", 15)
        # Its start was told, and so was that it was put back: this record must say all there is.
        self.c.terminate("sluiced")
        self.c.run(["scancel", str(job)])
        name = eventually(lambda: [n for n in self.c.inbox_records() if n not in ("gap", "bad")],
                          15)[0]
        record = self.c.path(self.c.layout.inbox / name).read_bytes()
        self.assertIn(b"SLUICE1 comp ", record)
        self.assertIn(b"\0SPANK_EVENT_SINK=log\0", b"\0" + record.split(b"\n", 1)[1])
        self.c.start_sluiced(self.c.sluice_json)
        gone = eventually(lambda: self.events(job, "slurm.job.cancelled"), 15)[0]
        self.assertNotIn("reconciled", gone["data"])  # jobcomp told it
        self.assertEqual([e["type"] for e in self.events(job)].count("slurm.job.end"), 1)


class RequeueExit(unittest.TestCase):
    """Runs that their exit code puts back: slurmctld tells of the next run a moment later."""
    JOBS = 8

    def setUp(self):
        self.receiver = self.enterContext(Receiver())
        self.c = self.enterContext(SluiceCluster(
            sluice=config(self.receiver), slurm_conf=("RequeueExit=42",)))

    def ends(self):
        ends = events_of(self.c.path(self.c.layout.sluiced / "events.jsonl"), type="slurm.job.end")
        return ends if len(ends) == self.JOBS else None

    def test_failure_of_a_run_that_is_put_back(self):
        jobs = [self.c.sbatch(["--requeue", "--event-sink=log:fail"], script="exit 42")
                for _ in range(self.JOBS)]
        ends = eventually(self.ends, 30, "the ends of all")
        self.assertEqual(sorted(e["data"]["job"]["job_id"] for e in ends), jobs)
        for e in ends:
            self.assertEqual(e["data"]["job"]["exit_code"],
                             {"status": "ERROR", "return_code": 42, "signal": None})


if __name__ == "__main__":
    unittest.main()
