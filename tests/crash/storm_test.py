"""Random kill -9 of slurmctld, slurmd, slurmstepd and sluiced in a storm of 2,000 jobs.

SLUICE_SEED repeats a run's choices (not its timing); the seed is printed.
"""

import os
import random
import threading
import time
import unittest
from collections import Counter

from crash.load import cancel_stuck
from harness import SluiceCluster, accounted, assert_contract, settle

JOBS = int(os.environ.get("SLUICE_STORM_JOBS", "2000"))
SUBMIT_SECONDS = 90   # over which the jobs are spread
STORM_SECONDS = 150   # the killing ends then, done or not
DRAIN_SECONDS = 60    # and what still runs is cancelled after this


class Storm(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"SLUICE_SEED={self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.c = self.enterContext(SluiceCluster(
            sluice=accounted(), plugins=("prep", "spank", "jobcomp"), min_job_age=3600,
            debug="info", slurm_conf=("MaxJobCount=20000", "MaxArraySize=1001")))
        self.submitted = 0
        self.kills = Counter()
        self.over = threading.Event()

    # The load: submitted in many small pieces, so that kills fall between and into them.

    def submit_piece(self):
        pick, c = self.random.random(), self.c
        named = self.random.random() < 0.5
        args = ["-J", "sel-storm", "--event-sink=mine"] if named else ["-J", "plain-storm"]
        user = self.random.choice(["alice", "bob"])
        script = self.random.choice(["true", "exit 3", "sleep 0.3", "sleep 1", "kill -9 $$"])
        if pick < 0.55:
            tasks = self.random.randrange(20, 60)
            count, args = tasks, [*args, f"--array=0-{tasks - 1}"]
        else:
            count = 1
        if pick > 0.9:
            args.append("--hold")
        job = c.sbatch([*args, "--requeue"], script, user=user)
        self.submitted += count
        if pick > 0.9:
            c.run(["scancel", str(job)])
        elif self.random.random() < 0.15:
            c.run(["scontrol", "requeue", str(job)])
            c.run(["scontrol", "update", f"JobId={job}", "StartTime=now"])
        elif self.random.random() < 0.1:
            c.run(["scancel", str(job)])

    def submit_all(self):
        while self.submitted < JOBS and not self.over.is_set():
            before = self.submitted
            try:
                self.submit_piece()
                self.over.wait((self.submitted - before) * SUBMIT_SECONDS / JOBS)
            except Exception:  # slurmctld is dead or the job has ended: part of the storm
                time.sleep(0.1)  # no hurry: it is being started again

    # The killer.

    def kill_one(self, chance):
        c = self.c
        name = chance.choices(["sluiced", "slurmctld", "slurmd-n0", "slurmd-n1", "slurmstepd"],
                              [5, 3, 1, 1, 4])[0]
        self.kills[name] += 1
        if name == "slurmstepd":
            steps = c.pids("slurmstepd")
            if steps:
                c.run(["kill", "-9", str(chance.choice(steps))], check=False)
            return
        c.kill9(name)
        if name == "sluiced":
            c.start_sluiced(c.sluice_json)
        elif name == "slurmctld":
            c.start_slurmctld()
        else:
            c.start_slurmd(name.removeprefix("slurmd-"), wait=False)

    def test_contract_holds(self):
        submitter = threading.Thread(target=self.submit_all)
        submitter.start()
        chance = random.Random(self.seed + 1)
        end = time.monotonic() + STORM_SECONDS
        try:
            while submitter.is_alive() and time.monotonic() < end:
                self.over.wait(chance.uniform(0.5, 4))  # the pace of the killing
                self.kill_one(chance)
        finally:
            self.over.set()
            submitter.join()
        self.settle_slurm()
        settle(self.c, seconds=120)
        contract = assert_contract(self, self.c)
        self.tell(contract)
        self.assertGreaterEqual(self.submitted, JOBS)
        self.assertGreater(min(self.kills["sluiced"], self.kills["slurmctld"]), 2)

    def settle_slurm(self):
        c = self.c
        for name in ("slurmctld", "slurmd-n0", "slurmd-n1", "sluiced"):
            self.assertIsNotNone(c.pid_of(name), name)

        def empty():
            left = c.run(["squeue", "-h", "-r", "-o", "%T"]).stdout.split()
            if left:
                raise RuntimeError(Counter(left))
            return True
        try:
            c.wait_until(empty, DRAIN_SECONDS, "an empty queue")
        except TimeoutError:
            cancel_stuck(c)
            c.wait_until(empty, DRAIN_SECONDS, "an empty queue after scancel")
        c.wait_until(lambda: not [n for n in c.inbox_records() if n.startswith(".")], 90,
                     "adoption of records whose writer was killed")

    def tell(self, contract):
        runs = {job: contract.runs_of(job) for job in contract.by_job}
        print(f"{self.submitted} jobs, {dict(self.kills)} killed: "
              f"{len(contract.first)} events, {contract.repeats} repeats, "
              f"{len(contract.lost())} runs lost, "
              f"{sum(len(r) > 1 for r in runs.values())} ids with several runs, "
              f"{sum(bool(e['data'].get('reconciled')) for e in contract.first.values())} "
              "events made up by sweeps", flush=True)


if __name__ == "__main__":
    unittest.main()
