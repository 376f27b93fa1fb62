"""The disk under the journal full, read-only, frozen, or damaged: events wait in the inbox."""

import os
import subprocess
import unittest

from crash.load import all_over
from harness import (SluiceCluster, accounted, ask_sluiced, assert_contract, eventually, settle,
                     socket_of)


class Disk:
    """A small file system of its own, mounted inside the cluster at DIR/disk."""

    def __init__(self, cluster):
        self.c = cluster
        self.at = cluster.layout.dir / "disk"
        self.image = cluster.layout.dir / "disk.img"

    def tmpfs(self, size):
        self.c.run(["mkdir", "-p", str(self.at)])
        self.c.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.at)])

    def ext4(self, mib):
        """False where there are no loop devices."""
        subprocess.run(["truncate", "-s", f"{mib}M", str(self.image)], check=True)
        made = subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], capture_output=True)
        self.c.run(["mkdir", "-p", str(self.at)])
        mounted = self.c.run(["mount", "-o", "loop", str(self.image), str(self.at)], check=False)
        return made.returncode == 0 and mounted.returncode == 0

    def fill(self):
        self.c.run(["sh", "-c", f"cat /dev/zero > {self.at}/filler; :"], check=False)

    def empty(self):
        self.c.run(["rm", "-f", f"{self.at}/filler"])

    def remount(self, how):
        self.c.run(["mount", "-o", f"remount,{how}", str(self.at)])


class Journal(unittest.TestCase):
    def setUp(self):
        self.c = self.enterContext(SluiceCluster(plugins=("prep", "spank", "jobcomp"),
                                                 min_job_age=3600))
        self.disk = Disk(self.c)

    def start(self):
        self.c.write_sluice_json(accounted(
            journal=lambda c: {"path": f"{self.disk.at}/journal.db"}))
        self.up()

    def up(self):
        self.c.start_sluiced(self.c.sluice_json)
        eventually(lambda: self.ask("ping"), 10, "sluiced")

    def ask(self, op):
        return ask_sluiced(socket_of(self.c), op)

    def log(self):
        return (self.c.layout.log / "sluiced.out").read_text()

    def jobs_complete(self, count):
        jobs = [self.c.sbatch(["-J", "sel", "--event-sink=mine"]) for _ in range(count)]
        for job in jobs:
            self.c.wait_job(job)

    def during(self, trouble, mend, said):
        """Jobs before, during and after; the log says it once; all is accounted in the end."""
        self.jobs_complete(2)
        settle(self.c)
        trouble()
        self.jobs_complete(5)
        eventually(lambda: said in self.log(), 20, f"{said!r} in the log")
        self.jobs_complete(5)
        self.assertGreater(len(self.c.inbox_records()), 2)  # what could not be journaled is kept
        mend()
        eventually(lambda: "the journal can be written again" in self.log(), 20, "it is mended")
        self.jobs_complete(1)
        all_over(self.c)
        settle(self.c)
        assert_contract(self, self.c)
        self.assertEqual(self.log().count("the journal can be written again"), 1)
        errors = [line for line in self.log().splitlines()
                  if " error " in line and "events wait in the inbox" in line]
        self.assertEqual(len(errors), 1, errors)

    def test_full(self):
        self.disk.tmpfs("4m")
        self.start()
        self.during(self.disk.fill, self.disk.empty, "full")

    def test_read_only(self):
        self.disk.tmpfs("8m")
        self.start()

        def read_only():  # what is open for writing must be closed for that
            self.c.terminate("sluiced")
            self.disk.remount("ro")
        self.jobs_complete(1)
        settle(self.c)
        read_only()
        self.jobs_complete(3)
        self.c.start_sluiced(self.c.sluice_json)
        self.c.wait_ended("sluiced", 10)
        self.assertEqual(self.c.exit_of("sluiced"), 1)
        self.assertRegex(self.log(), r"journal.*(readonly|read-only|unable to open)")
        self.disk.remount("rw")
        self.up()
        settle(self.c)
        assert_contract(self, self.c)

    def test_frozen(self):
        if not self.disk.ext4(64):
            self.skipTest("no loop devices here")
        self.start()
        self.jobs_complete(2)
        settle(self.c)
        self.c.run(["fsfreeze", "--freeze", str(self.disk.at)])
        thawed = [False]

        def thaw():
            if not thawed[0]:
                self.c.run(["fsfreeze", "--unfreeze", str(self.disk.at)])
                thawed[0] = True
        self.addCleanup(thaw)
        self.jobs_complete(10)  # nothing of Slurm waits for that disk
        self.assertGreater(len(self.c.inbox_records()), 10)
        thaw()
        all_over(self.c)
        settle(self.c)
        assert_contract(self, self.c)

    def test_damaged(self):
        """Not opened as if nothing were; with it moved away, slurmctld's jobs are all there."""
        self.disk.tmpfs("16m")
        self.start()
        self.jobs_complete(3)
        settle(self.c)
        self.c.kill9("sluiced")
        journal = self.c.path(self.disk.at / "journal.db")
        with open(journal, "r+b") as file:
            file.write(os.urandom(4096))
        for rest in ("-wal", "-shm"):
            self.c.run(["rm", "-f", f"{self.disk.at}/journal.db{rest}"])
        self.jobs_complete(3)
        self.c.start_sluiced(self.c.sluice_json)
        self.c.wait_ended("sluiced", 10)
        self.assertEqual(self.c.exit_of("sluiced"), 1)
        self.assertIn("file is not a database", self.log())
        self.assertIn(str(self.disk.at / "journal.db"), self.log())
        self.c.run(["mv", f"{self.disk.at}/journal.db", f"{self.disk.at}/damaged.db"])
        self.up()
        settle(self.c)
        from harness import Contract
        contract = Contract(self.c)
        contract.check_known()
        contract.check_forgotten()
        # The first jobs come again, from slurmctld, under the ids they had: not the same bytes.
        others = [c for c in contract.complaints if "two different events have the id" not in c]
        self.assertEqual(others, [])
        self.assertGreater(contract.repeats, 0)


if __name__ == "__main__":
    unittest.main()
