"""kill -9 of resume, suspend and change_state at each named fault point: no second launch, no leak."""
import re
import unittest
from pathlib import Path

from harness import accounted, eventually
from harness.contract import lines_of
from power.cloud import Cloud

PROJECT = Path(__file__).resolve().parents[2]

# Which program is killed there.
CASES = {
    "power.recorded": "resume",
    "power.answered": "resume",
    "power.assigned": "resume",
    "power.told": "resume",
    "power.fallback": "resume of spot",
    "power.handed_over": "sluiced's power role",
    "power.doomed": "suspend",
    "power.terminated": "suspend",
    "power.decided": "change_state",
}


class EveryPoint(unittest.TestCase):
    def test_has_a_case(self):
        found = set()
        for source in (PROJECT / "common" / "power").rglob("*.cpp"):
            found.update(re.findall(r'fault::point\("([^"]+)"\)', source.read_text()))
        self.assertEqual(found, set(CASES))


class KilledAt(unittest.TestCase):
    def setUp(self):
        self.cloud = Cloud(self)

    def job(self, each):
        """A job on all nodes, from its submission to its end; `each` is called meanwhile. By srun,
        since slurmctld may let a batch job wait half a minute on nodes that are there."""
        job = self.cloud.c.popen(["srun", "-p", "aws", "-N4", "true"])

        def over():
            each()
            return job.poll() is not None or self.cloud.c._not_yet("srun runs")
        self.cloud.c.wait_until(over, 60, "srun", every=0.3)
        self.assertEqual(job.returncode, 0)

    def reconcile(self):
        self.cloud.program("change_state", check=False)

    def test_resume(self):
        for point in [p for p, program in CASES.items() if program == "resume"]:
            with self.subTest(point=point):
                before, killed = len(self.cloud.launched()), self.cloud.kills("resume")
                self.cloud.environment("resume", SLUICE_FAULT=point)
                self.job(self.reconcile)
                self.assertGreater(self.cloud.kills("resume"), killed)
                self.cloud.environment("resume")
                self.cloud.wait_gone(self.reconcile)
                self.assertEqual(len(self.cloud.launched()) - before, 4, "no second launch")

    def test_suspend(self):
        for point in [p for p, program in CASES.items() if program == "suspend"]:
            with self.subTest(point=point):
                killed = self.cloud.kills("suspend")
                self.cloud.environment("suspend", SLUICE_FAULT=point)
                self.job(lambda: None)
                self.cloud.wait_gone(self.reconcile)
                self.assertGreater(self.cloud.kills("suspend"), killed)
                self.cloud.environment("suspend")
                self.assertEqual(self.cloud.running(), [])

    def test_change_state(self):
        self.cloud.environment("suspend", SLUICE_FAULT="power.doomed")
        self.job(lambda: None)
        self.cloud.environment("change_state", SLUICE_FAULT="power.decided")
        for _ in range(3):
            self.cloud.program("change_state", check=False)
        self.assertEqual(self.cloud.kills("change_state"), 3)
        self.cloud.environment("change_state")
        self.cloud.wait_gone(self.reconcile)


class ByHand(unittest.TestCase):
    def test_while_it_falls_back_to_on_demand(self):
        cloud = Cloud(self, boots=False, settings={"SuspendTime": 600}, PurchasingOption="spot",
                      OnDemandFallback=True, SpotOptions={"AllocationStrategy": "lowest-price"})
        cloud.ec2.no_capacity(spot=True)
        cloud.environment("resume", SLUICE_FAULT="power.fallback")
        # By slurmctld: what nobody waits for is not launched again.
        cloud.c.run(["scontrol", "update", f"nodename={cloud.node_list}", "state=power_up"])
        eventually(lambda: cloud.kills("resume") == 1, 20, "resume was killed")
        cloud.environment("resume")
        cloud.program("change_state")
        self.assertEqual(len(cloud.launched()), 4)
        self.assertEqual(sorted(cloud.addresses()), cloud.names)
        cloud.program("suspend", cloud.node_list)
        self.assertEqual(cloud.running(), [])

    def test_events_that_were_handed_over(self):
        cloud = Cloud(self, boots=False, settings={"SuspendTime": 600}, sluice=accounted())
        cloud.environment("resume", SLUICE_FAULT="power.handed_over")
        cloud.program("resume", cloud.node_list, check=False)
        self.assertEqual(cloud.kills("resume"), 1)
        cloud.environment("resume")
        cloud.program("suspend", cloud.node_list)

        def told():
            events = [e for _, e in lines_of(cloud.c.layout.sluiced / "every.jsonl")]
            return sorted((e["type"], e["subject"]) for e in events)
        every = sorted((f"slurm.node.{what}", f"node/{name}") for name in cloud.names
                       for what in ("resume", "suspend"))
        eventually(lambda: told() == every, 20, "each once")


if __name__ == "__main__":
    unittest.main()
