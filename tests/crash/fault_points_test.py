"""kill -9 at each named fault point under a small load, then the contract."""

import re
import unittest
from pathlib import Path

from harness import (SluiceCluster, accounted, ask_sluiced, assert_contract, eventually, settle,
                     socket_of)
from harness.contract import lines_of

PROJECT = Path(__file__).resolve().parents[2]

# Where each point kills: sluiced, slurmctld (its hooks), or a node's sluiced.
POINTS = {
    "import.uncommitted": "sluiced",
    "import.committed": "sluiced",
    "import.unlinked": "sluiced",
    "courier.taken": "sluiced",
    "courier.unwritten": "sluiced",
    "courier.written": "sluiced",
    "file.rotated": "rotation",
    "reconcile.committed": "reconcile",
    "hook.written": "slurmctld",
    "hook.renamed": "slurmctld",
    "forward.acknowledged": "node",
}


def points_in_the_sources():
    found = set()
    for folder in ("common", "ctld", "spank"):
        for source in (PROJECT / folder).rglob("*.cpp"):
            found.update(re.findall(r'fault::point\("([^"]+)"\)', source.read_text()))
    return found


def listen(c):
    return f"127.0.0.1:{c.port + 2}"


def node_config(c, node):
    return {
        "inbox": str(c.layout.node(node) / "inbox"),
        "socket": str(c.layout.node(node) / "sluice.sock"),
        "controllers": [listen(c)],
        "munge_socket": str(c.layout.munge_socket),
        "node_name": node,
    }


class FaultPoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = cls.enterClassContext(SluiceCluster(
            sluice=accounted(listen=listen), plugins=("prep", "spank", "jobcomp"),
            min_job_age=3600))
        cls.c.start_sluiced_of_node = None

    def load(self, tag):
        """Jobs of several kinds, half of them naming a sink of their own."""
        c, ids = self.c, []
        ids.append(c.sbatch(["-J", f"sel-{tag}", "--event-sink=mine", "--array=0-3"], "exit 1"))
        ids.append(c.sbatch(["-J", f"plain-{tag}"], "true", user="bob"))
        ids.append(c.sbatch(["-J", f"sel-{tag}", "--event-sink=mine"], "sleep 0.5"))
        held = c.sbatch(["-J", f"sel-{tag}", "--event-sink=mine", "--hold"], "true")
        c.run(["scancel", str(held)])
        return ids

    def all_over(self):
        def none_left():
            left = self.c.run(["squeue", "-h", "-o", "%i %T"]).stdout.strip()
            if left:
                raise RuntimeError(left)
            return True
        eventually(none_left, 60, "an empty queue")

    def settled(self):
        self.all_over()
        settle(self.c)
        return assert_contract(self, self.c)

    def killed(self, name):
        eventually(lambda: self.c.pid_of(name) is None, 40, f"{name} killed at its fault point")
        self.assertEqual(self.c.exit_of(name), -9)

    def at(self, point):
        return {"SLUICE_FAULT": point}


def of_sluiced(point, nth):
    def test(self):
        self.c.restart_sluiced(env=self.at(f"{point}:{nth}"))
        self.load(f"{point}-{nth}")
        self.killed("sluiced")
        self.c.start_sluiced(self.c.sluice_json)
        self.settled()
    return test


def of_slurmctld(point, nth):
    def test(self):
        self.c.kill9("slurmctld")
        self.c.start_slurmctld(env=self.at(f"{point}:{nth}"))
        self.c.wait_nodes()
        try:
            self.load(f"{point}-{nth}")
        except RuntimeError:
            pass  # slurmctld died under sbatch's hands
        self.killed("slurmctld")
        self.c.start_slurmctld()
        self.c.wait_nodes()
        # A record whose writer died before the rename is adopted after a minute.
        self.all_over()
        settle(self.c, seconds=90)
        assert_contract(self, self.c)
    return test


def of_rotation(point, nth):
    def test(self):
        self.addCleanup(self.configured, {"max_mib": 0})
        sink = self.c.layout.sluiced / "all.jsonl"
        self.configured({"max_mib": 1, "keep": 1000}, env=self.at(f"{point}:{nth}"))
        with open(sink, "a") as file:  # nearly full, with lines that are no events
            file.write((json_filler() + "\n") * 1024)
        self.load(point)
        self.killed("sluiced")
        self.c.start_sluiced(self.c.sluice_json)
        self.settled()
        self.assertTrue(list(sink.parent.glob("all.jsonl.*")), "nothing was rotated")
    return test


def json_filler():
    return '{"filler": "' + "x" * 1010 + '"}'


def of_reconcile(point, nth):
    def test(self):
        self.c.terminate("sluiced")
        self.load(point)
        self.all_over()
        for name in self.c.inbox_records():  # as a power failure would
            if name not in ("gap", "bad"):
                self.c.path(self.c.layout.inbox / name).unlink()
        self.c.start_sluiced(self.c.sluice_json, env=self.at(f"{point}:{nth}"))
        self.killed("sluiced")
        self.c.start_sluiced(self.c.sluice_json)
        contract = self.settled_without_selection()
        made_up = [e for e in contract.first.values() if e["data"].get("reconciled")]
        self.assertGreater(len(made_up), 5)
    return test


def of_node(point, nth):
    def test(self):
        path = self.c.layout.etc / "node.json"
        import json
        path.write_text(json.dumps(node_config(self.c, "n0")))
        self.c.start_sluiced(path, node="n0", env=self.at(f"{point}:{nth}"))
        self.addCleanup(self.c.kill9, "sluiced-n0")
        jobs = [self.c.sbatch(["-J", "sel-node", "--event-sink=mine:all", "-wn0"]) for _ in "123"]
        self.killed("sluiced-n0")
        self.c.start_sluiced(path, node="n0")

        def come():
            types = [e["type"] for _, e in lines_of(self.c.layout.sluiced / "all.jsonl")
                     if e["type"] in ("slurm.job.launch", "slurm.job.exit") and
                     e["data"]["job"]["job_id"] in jobs]
            return types.count("slurm.job.launch") >= 3 and types.count("slurm.job.exit") >= 3
        eventually(come, 30, "launch and exit of each job")
        eventually(lambda: [n for n in self.c.inbox_records("n0") if n not in ("gap", "bad")] == [],
                   20, "an empty inbox on the node")
        self.settled()
    return test


MAKERS = {"sluiced": of_sluiced, "slurmctld": of_slurmctld, "rotation": of_rotation,
          "reconcile": of_reconcile, "node": of_node}


class EveryPoint(unittest.TestCase):
    def test_has_a_case(self):
        self.assertEqual(points_in_the_sources(), set(POINTS))


def configured(self, of_all, env=None):
    """Restarts sluiced with other settings of the sink `all`."""
    def changed(c):
        config = accounted(listen=listen)(c)
        config["sinks"]["all"].update(of_all)
        return config
    self.c.write_sluice_json(changed)
    self.c.restart_sluiced(env=env)


def settled_without_selection(self):
    """A run that only a sweep saw has no --event-sink: that goes with its hook's record."""
    self.all_over()
    settle(self.c)
    from harness import Contract
    contract = Contract(self.c)
    contract.check_known()
    contract.check_forgotten()
    self.assertEqual(contract.complaints, [])
    return contract


FaultPoints.configured = configured
FaultPoints.settled_without_selection = settled_without_selection

for _point, _where in POINTS.items():
    for _nth in (1, 3) if _where in ("sluiced", "slurmctld") else (1,):
        setattr(FaultPoints, f"test_{_point.replace('.', '_')}_{_nth}",
                MAKERS[_where](_point, _nth))


if __name__ == "__main__":
    unittest.main()
