"""Heterogeneous jobs: an event each component, to the union of their sinks."""
import unittest

from harness import SluiceCluster, eventually, events_of


def config(c):
    def sink(name):
        return {"type": "file", "path": str(c.layout.sluiced / name)}
    return {
        "inbox": str(c.layout.inbox),
        "journal": {"path": str(c.layout.sluiced / "journal.db")},
        "socket": str(c.layout.sluiced / "sluice.sock"),
        "public_sinks": str(c.layout.dir / "sinks"),
        "sinks": {"one": sink("one"), "two": sink("two")},
    }


class Het(unittest.TestCase):
    def test_union_of_sinks(self):
        c = self.enterContext(SluiceCluster(sluice=config))
        script = "\n".join(["#!/bin/sh", "#SBATCH --event-sink=one -n1", "#SBATCH hetjob",
                            "#SBATCH --event-sink=two -n1", "exit 0"])
        job = c.sbatch([], script=script)

        def seen(name):
            got = {(e["type"], e["data"]["job"]["job_id"])
                   for e in events_of(c.path(c.layout.sluiced / name))
                   if e["type"] in ("slurm.job.start", "slurm.job.end")}
            return got if len(got) == 4 else None
        for name in ("one", "two"):
            got = eventually(lambda name=name: seen(name), 20, name)
            self.assertEqual(got, {(t, int(job) + k) for k in (0, 1)
                                   for t in ("slurm.job.start", "slurm.job.end")})


if __name__ == "__main__":
    unittest.main()
