"""Arrays: the hooks tell of most tasks in short, and nothing is missing from their events."""
import signal
import unittest

from harness import SluiceCluster, eventually, events_of

TASKS = 40


def config(c, **more):
    return {
        "inbox": str(c.layout.inbox),
        "journal": {"path": str(c.layout.sluiced / "journal.db")},
        "socket": str(c.layout.sluiced / "sluice.sock"),
        "public_sinks": str(c.layout.dir / "sinks"),
        "sinks": {"log": {"type": "file", "path": str(c.layout.sluiced / "log")}},
        **more,
    }


class Array(unittest.TestCase):
    def setUp(self):
        self.c = self.enterContext(SluiceCluster(
            sluice=config, plugins=("prep", "spank", "jobcomp")))

    def ends(self, user):
        path = self.c.path(self.c.layout.sluiced / "log")
        got = [e for e in events_of(path, type="slurm.job.end")
               if e["data"]["job"]["user_name"] == user]
        return got if len(got) == TASKS else None

    def test_two_arrays_at_once(self):
        script = "exit $((SLURM_ARRAY_TASK_ID % 3))"
        arguments = ["--event-sink=log", f"--array=0-{TASKS - 1}", "-n1"]
        for user in ("alice", "bob"):
            self.c.sbatch(arguments, script=script, user=user)
        for user in ("alice", "bob"):
            ends = eventually(lambda user=user: self.ends(user), 60, user)
            tasks = {}
            for e in ends:
                job, env = e["data"]["job"], e["data"]["env"]
                tasks[job["array_task_id"]] = job["exit_code"]["return_code"]
                self.assertEqual(env["SLURM_JOB_ID"], str(job["job_id"]))
                self.assertEqual(env["SLURM_JOB_USER"], user)
                self.assertEqual(env["SLURM_ARRAY_TASK_ID"], str(job["array_task_id"]))
            self.assertEqual(tasks, {t: t % 3 for t in range(TASKS)})
        starts = events_of(self.c.path(self.c.layout.sluiced / "log"), type="slurm.job.start")
        self.assertEqual(len({e["id"] for e in starts}), 2 * TASKS)
        for e in starts:
            self.assertEqual(e["data"]["env"]["SLURM_JOB_NAME"], e["data"]["job"]["name"])

    def test_most_records_are_short(self):
        self.c.terminate("sluiced")
        self.submit_and_gather()
        whole = {"start": 0, "end": 0, "comp": 0}
        for name in self.c.inbox_records():
            record = self.c.path(self.c.layout.inbox / name).read_bytes()
            if b"SLURM_JOB_WORK_DIR=" in record:
                whole[record.split()[1].decode()] += 1
        self.assertEqual(whole["start"], 1)  # of the first task
        self.assertLessEqual(whole["end"], 2)  # two jobs in one slot of the hook's memory
        self.assertEqual(whole["comp"], whole["end"])

    def submit_and_gather(self):
        self.c.sbatch([f"--array=0-{TASKS - 1}", "-n1", "--account=physics"], script="true")
        eventually(lambda: len(self.c.inbox_records()) >= 3 * TASKS, 60)

    def test_starts_that_go_without_slurmctlds_answer(self):
        self.c.terminate("sluiced")
        self.submit_and_gather()
        self.c.signal("slurmctld", signal.SIGSTOP)
        self.addCleanup(self.c.signal, "slurmctld", signal.SIGCONT)
        self.c.write_sluice_json(config(self.c, slurm_wait_s=1, partitions={
            "main": {"sinks": ["log:start"]}}))
        self.c.start_sluiced(self.c.sluice_json)
        log = self.c.path(self.c.layout.sluiced / "log")
        starts = eventually(lambda: len(events_of(log)) == TASKS and events_of(log), 30)
        tasks = [e["data"]["job"]["array_task_id"] for e in starts]
        self.assertEqual(sorted(tasks), list(range(TASKS)))
        for e in starts:
            job = e["data"]["job"]
            self.assertEqual((job["partition"], job["account"]), ("main", "physics"))
            self.assertIsNone(job["job_state"])  # nobody answered


if __name__ == "__main__":
    unittest.main()
