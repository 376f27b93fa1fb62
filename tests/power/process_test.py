"""Nodes that exist only while work needs them, as local processes, on a real Slurm."""
import unittest

from harness import PowerSave, SluiceCluster


class Processes(unittest.TestCase):
    def start(self, count, **settings):
        power = PowerSave(groups={"node": count}, settings=settings)
        self.c = self.enterContext(SluiceCluster(power=power, plugins=(), nodes=1))
        self.names = power.node_names()

    def machines(self):
        """The slurmds that power save has started, by node."""
        found = {}
        for pid, arguments in self.c.processes().items():
            if "-b" in arguments and "-N" in arguments:
                found.setdefault(arguments[arguments.index("-N") + 1], []).append(pid)
        return found

    def states(self):
        text = self.c.run(["sinfo", "-h", "-N", "-p", "cloud", "-o", "%N %T"]).stdout
        return dict(line.split() for line in text.splitlines())

    def wait_gone(self):
        def gone():
            return not self.machines() and set(self.states().values()) == {"idle~"} or \
                self.c._not_yet(f"{self.machines()} {self.states()}")
        self.c.wait_until(gone, 60, "every node powered down")

    def test_from_nothing_to_output_and_back_twice(self):
        self.start(4, SuspendTime=3, SuspendTimeout=3, ResumeTimeout=30)
        for _ in range(2):
            self.assertEqual(self.machines(), {})
            done = self.c.run(["srun", "-p", "cloud", "-N4", "sh", "-c", "echo $SLURMD_NODENAME"],
                              timeout=60)
            self.assertEqual(sorted(done.stdout.split()), self.names)
            self.assertEqual(sorted(self.machines()), self.names)
            self.wait_gone()

    def test_64_nodes_at_once(self):
        self.start(64)
        done = self.c.run(["srun", "-p", "cloud", "-N64", "hostname"], timeout=120)
        self.assertEqual(len(done.stdout.split()), 64)
        self.assertEqual(len(self.machines()), 64)


if __name__ == "__main__":
    unittest.main()
