"""kill -9 at each named fault point under a small load, then the contract."""

import json
import re
import unittest
from pathlib import Path

from crash.load import (all_over, cancel_stuck, fault, nodes_back, submit_some,
                        submit_until_killed, wait_killed)
from harness import (Contract, SluiceCluster, accounted, assert_contract, eventually, events_of,
                     settle)

PROJECT = Path(__file__).resolve().parents[2]

# Which class below has the case of each point.
CASES = {
    "import.uncommitted": "InSluiced",
    "import.committed": "InSluiced",
    "import.unlinked": "InSluiced",
    "courier.taken": "InSluiced",
    "courier.unwritten": "InSluiced",
    "courier.written": "InSluiced",
    "file.rotated": "InRotation",
    "reconcile.committed": "InReconciling",
    "hook.written": "InSlurmctld",
    "hook.renamed": "InSlurmctld",
    "forward.acknowledged": "OnANode",
}


def points_of(name):
    return sorted(point for point, case in CASES.items() if case == name)


class EveryPoint(unittest.TestCase):
    def test_has_a_case(self):
        found = set()
        for folder in ("common", "ctld", "spank"):
            for source in (PROJECT / folder).rglob("*.cpp"):
                found.update(re.findall(r'fault::point\("([^"]+)"\)', source.read_text()))
        # Those of power save have a file of their own, tests/power/fault_points_test.py.
        self.assertEqual({point for point in found if not point.startswith("power.")}, set(CASES))


class InSluiced(unittest.TestCase):
    def test_killed_at_each_and_started_again(self):
        c = self.enterContext(SluiceCluster(
            sluice=accounted(), plugins=("prep", "spank", "jobcomp"), min_job_age=3600))
        for point in points_of("InSluiced"):
            for nth in (1, 3):
                with self.subTest(point=point, nth=nth):
                    c.restart_sluiced(env=fault(point, nth))
                    submit_until_killed(self, c, f"{point}-{nth}", "sluiced")
                    c.start_sluiced(c.sluice_json)
                    all_over(c)
                    settle(c)
                    assert_contract(self, c)


class InSlurmctld(unittest.TestCase):
    def test_killed_inside_its_hooks(self):
        c = self.enterContext(SluiceCluster(
            sluice=accounted(), plugins=("prep", "spank", "jobcomp"), min_job_age=3600))
        for point in points_of("InSlurmctld"):
            for nth in (1, 4):
                c.kill9("slurmctld")
                c.start_slurmctld(env=fault(point, nth))
                nodes_back(c)
                try:
                    submit_some(c, f"{point}-{nth}")
                except RuntimeError:
                    pass  # slurmctld died under sbatch's hands
                wait_killed(self, c, "slurmctld")
                c.start_slurmctld()
                nodes_back(c)
                try:
                    all_over(c, seconds=10)
                except TimeoutError:
                    cancel_stuck(c)
                    all_over(c)
        eventually(lambda: not [n for n in c.inbox_records() if n.startswith(".")], 90,
                   "adoption of the records whose writer died before the rename")
        settle(c)
        assert_contract(self, c)


class InRotation(unittest.TestCase):
    def test_killed_between_the_old_file_and_the_new(self):
        def small(c):
            config = accounted()(c)
            config["sinks"]["every"].update(max_mib=1, keep=1000)
            return config
        c = self.enterContext(SluiceCluster(
            sluice=small, env=fault("file.rotated"), plugins=("prep", "spank", "jobcomp"),
            min_job_age=3600))
        sink = c.layout.sluiced / "every.jsonl"
        with open(sink, "a") as file:  # nearly full, with lines that are no events
            file.write(("x" * 1023 + "\n") * 1024)
        submit_some(c, "rotated")
        wait_killed(self, c, "sluiced")
        c.start_sluiced(c.sluice_json)
        all_over(c)
        settle(c)
        assert_contract(self, c)
        self.assertTrue(list(sink.parent.glob("every.jsonl.*")), "nothing was rotated")


class InReconciling(unittest.TestCase):
    def test_killed_after_making_up_for_lost_records(self):
        c = self.enterContext(SluiceCluster(sluice=accounted(), min_job_age=3600))
        c.terminate("sluiced")
        submit_some(c, "lost")
        all_over(c)
        for name in c.inbox_records():  # as a power failure would
            if name != "gap":
                c.path(c.layout.inbox / name).unlink()
        c.start_sluiced(c.sluice_json, env=fault("reconcile.committed"))
        wait_killed(self, c, "sluiced")
        c.start_sluiced(c.sluice_json)
        settle(c)
        contract = Contract(c)
        # Not check_selected: what a job named with --event-sink was lost with its records.
        contract.check_known()
        contract.check_forgotten()
        self.assertEqual(contract.complaints, [])
        made_up = [e for e in contract.first.values() if e["data"].get("reconciled")]
        self.assertEqual(len(made_up), 13)  # six started and ended, one was cancelled


class OnANode(unittest.TestCase):
    def test_killed_after_the_controller_took_a_batch(self):
        def listen(c):
            return f"127.0.0.1:{c.port + 1 + c.config.nodes + 1}"
        c = self.enterContext(SluiceCluster(sluice=accounted(listen=listen), min_job_age=3600))
        config = c.layout.etc / "node.json"
        config.write_text(json.dumps({
            "inbox": str(c.layout.node("n0") / "inbox"),
            "socket": str(c.layout.node("n0") / "sluice.sock"),
            "controllers": [listen(c)],
            "munge_socket": str(c.layout.munge_socket),
            "node_name": "n0"}))
        c.start_sluiced(config, node="n0", env=fault("forward.acknowledged"))
        jobs = {c.sbatch(["-J", "sel", "--event-sink=mine:all", "-wn0"]) for _ in "123"}
        wait_killed(self, c, "sluiced-n0")
        c.start_sluiced(config, node="n0")
        all_over(c)

        def come():
            events = events_of(c.layout.sluiced / "mine.jsonl")
            seen = {(e["type"], e["data"]["job"]["job_id"]) for e in events}
            return all({("slurm.job.launch", j), ("slurm.job.exit", j)} <= seen for j in jobs)
        eventually(come, 30, "launch and exit of each job")
        eventually(lambda: c.inbox_records("n0") in ([], ["gap"]), 20, "an empty inbox on the node")
        settle(c)
        assert_contract(self, c)


if __name__ == "__main__":
    unittest.main()
