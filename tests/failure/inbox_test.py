"""The inbox full, gone, read-only, or littered: jobs go on, the log says it once, all is made good."""

import os
import unittest

from crash.load import all_over
from harness import (Contract, SluiceCluster, accounted, ask_sluiced, assert_contract, eventually,
                     settle, socket_of)

RECORD = "{:016x}-00000000-1-{:x}"  # a name as the hooks make them


class Inbox(unittest.TestCase):
    def cluster(self, **settings):
        self.c = self.enterContext(SluiceCluster(
            sluice=accounted(), plugins=("prep", "spank"), min_job_age=3600, **settings))
        eventually(lambda: "gap" in self.c.inbox_records(), 10, "sluiced has opened the inbox")
        return self.c

    def ask(self, op, **arguments):
        return ask_sluiced(socket_of(self.c), op, **arguments)

    def ctld_says(self, text):
        log = (self.c.layout.log / "slurmctld.log").read_text()
        return [line for line in log.splitlines() if "sluice:" in line and text in line]

    def jobs_complete(self, count):
        jobs = [self.c.sbatch(["-J", "plain"]) for _ in range(count)]
        for job in jobs:
            self.c.wait_job(job)
        return jobs

    def contract_but_selection(self):
        settle(self.c)
        contract = Contract(self.c)
        contract.check_known()
        contract.check_forgotten()
        self.assertEqual(contract.complaints, [])
        return contract

    def mount(self, *options):
        self.c.run(["mount", "-o", ",".join(["remount", *options]), str(self.c.layout.inbox)])

    # Full.

    def full(self, **settings):
        c = self.cluster(**settings)
        c.terminate("sluiced")
        jobs = self.jobs_complete(40)
        self.assertEqual(len(self.ctld_says("events are dropped")), 1)
        c.start_sluiced(c.sluice_json)
        contract = self.contract_but_selection()
        gap = self.ask("status")
        self.assertGreater(gap["gaps"] + len(self.gap_log()), 0)
        self.assertTrue([e for e in contract.first.values() if e["data"].get("reconciled")])
        self.assertGreaterEqual(set(contract.by_job), set(jobs))
        # After the next record that goes through comes one that tells how many did not.
        self.jobs_complete(1)
        eventually(lambda: self.ask("status")["dropped"] > 10, 10, "a gap record")
        self.assertEqual(len(self.ctld_says("events are dropped")), 1)
        self.contract_but_selection()

    def gap_log(self):
        log = (self.c.layout.log / "sluiced.out").read_text()
        return [line for line in log.splitlines() if "hooks dropped records" in line]

    def test_no_bytes_left(self):
        self.full(inbox_size="64k")

    def test_no_inodes_left(self):
        self.full(inbox_inodes=24)

    def test_full_before_sluiced_ever_ran(self):
        """There is no room for its gap marker: it reads all the same, which makes room."""
        c = self.cluster(inbox_inodes=24)
        c.terminate("sluiced")
        c.path(c.layout.inbox / "gap").unlink()
        self.jobs_complete(20)
        c.run(["sh", "-c", f"cd {c.layout.inbox} && seq -f filler%g 40 | xargs -n1 touch"],
              check=False)
        c.start_sluiced(c.sluice_json)
        self.contract_but_selection()
        eventually(lambda: "gap" in c.inbox_records(), 10, "the gap marker")

    # Not to be written.

    def test_read_only_and_back(self):
        c = self.cluster()
        self.mount("ro")
        jobs = self.jobs_complete(5)
        self.assertEqual(len(self.ctld_says("events are dropped")), 1)
        self.mount("rw")
        jobs += self.jobs_complete(1)
        eventually(lambda: self.ask("status")["dropped"] == 10, 10, "a gap record")
        contract = self.contract_but_selection()
        self.assertGreaterEqual(set(contract.by_job), set(jobs))

    def test_unmounted_and_mounted_again(self):
        c = self.cluster()
        inbox = str(c.layout.inbox)
        c.run(["umount", "--lazy", inbox])
        c.run(["chmod", "0", inbox])  # root writes there all the same: events do come
        c.run(["rmdir", inbox])
        jobs = self.jobs_complete(5)
        self.assertEqual(len(self.ctld_says("events are dropped")), 1)
        c.run(["mkdir", "-m", "2770", inbox])
        jobs += self.jobs_complete(2)
        contract = self.contract_but_selection()
        self.assertGreaterEqual(set(contract.by_job), set(jobs))
        log = (c.layout.log / "sluiced.out").read_text()
        self.assertEqual(log.count("was removed or unmounted"), 1)
        self.assertEqual(log.count("is open again"), 1)

    def test_missing_when_sluiced_starts(self):
        c = self.cluster()
        c.terminate("sluiced")
        c.run(["umount", "--lazy", str(c.layout.inbox)])
        c.run(["rmdir", str(c.layout.inbox)])
        c.start_sluiced(c.sluice_json)
        eventually(lambda: self.ask("ping"), 10, "sluiced")
        self.jobs_complete(2)
        assert_contract_here(self)

    # Littered.

    def put(self, name, content):
        self.c.path(self.c.layout.inbox / name).write_bytes(content)

    def test_litter_is_set_aside_and_never_blocks(self):
        c = self.cluster()
        inside = str(c.layout.inbox)
        whole = b"SLUICE1 start 1 3 0000000000000000\nabc"
        litter = {
            "notes.txt": b"hello",
            RECORD.format(1, 1): b"",
            RECORD.format(1, 2): b"SLUICE1 start",
            RECORD.format(1, 3): whole,                         # wrong checksum
            RECORD.format(1, 4): whole[:-1],                    # cut short
            RECORD.format(1, 5): b"\x00" * 4096,
            RECORD.format(1, 6): b"x" * (1 << 20),              # oversized
            RECORD.format(1, 7): b"SLUICE9 start 1 0 cbf29ce484222325\n",
            "name with\nnewline\x1b[31m": b"x",
        }
        for name, content in litter.items():
            self.put(name, content)
        c.run(["mkfifo", f"{inside}/{RECORD.format(1, 8)}"])
        c.run(["mkdir", f"{inside}/{RECORD.format(1, 9)}"])
        hidden = f"{inside}/.{RECORD.format(1, 11)}"  # as if its writer had died long ago
        c.run(["mkfifo", hidden])
        c.run(["touch", "-d", "10 minutes ago", hidden])
        c.run(["ln", "-s", "/etc/shadow", f"{inside}/{RECORD.format(1, 10)}"])
        c.run(["mkdir", f"{inside}/folder"])
        c.run(["sh", "-c", f"touch {inside}/folder/file"])
        self.jobs_complete(3)
        eventually(lambda: self.ask("status")["set_aside"] >= len(litter) + 5, 20,
                   "all of it set aside")
        self.assertEqual(set(c.inbox_records()) - {"gap", "bad"}, set())
        assert_contract_here(self)
        kept = os.listdir(c.path(c.layout.inbox / "bad"))
        self.assertIn(RECORD.format(1, 3), kept)
        self.assertNotIn(RECORD.format(1, 6), kept)  # oversized: not kept, it would fill the inbox
        log = (c.layout.log / "sluiced.out").read_text()
        self.assertEqual(log.count("set aside in"), 1)
        self.assertNotIn("\x1b", log)

    def test_more_litter_than_is_read_at_once(self):
        c = self.cluster()
        c.terminate("sluiced")
        self.jobs_complete(3)
        c.run(["sh", "-c", f"cd {c.layout.inbox} && seq -f 0litter%g 3000 | xargs touch"])
        c.start_sluiced(c.sluice_json)
        assert_contract_here(self)
        eventually(lambda: self.ask("status")["set_aside"] == 3000, 20, "all of it set aside")
        self.assertEqual(len(os.listdir(c.path(c.layout.inbox / "bad"))), 1000)


def assert_contract_here(test):
    all_over(test.c)
    settle(test.c)
    return assert_contract(test, test.c)


if __name__ == "__main__":
    unittest.main()
