"""scripts/devcluster, as a developer uses it, and in places it must keep its hands off."""

import os
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

DEVCLUSTER = Path(__file__).resolve().parents[2] / "scripts/devcluster"
STRANGER = 65534


class Devcluster(unittest.TestCase):
    def setUp(self):
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-dc-")))
        self.dir.chmod(0o755)

    def call(self, *arguments):
        made = ["--build", os.environ["SLUICE_BUILD"]] if arguments[0] == "up" else []
        if made and "SLUICE_ROOT" in os.environ:
            made += ["--root", os.environ["SLUICE_ROOT"]]
        return subprocess.run([DEVCLUSTER, arguments[0], "--dir", self.dir, *made,
                               *arguments[1:]], text=True, capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL)

    def test_up_down_and_up_again(self):
        self.addCleanup(self.call, "down")
        for _ in range(2):
            up = self.call("up", "--nodes", "1")
            self.assertEqual(up.returncode, 0, up.stderr)
            self.assertIn("sluiced runs on the controller and on each node", up.stdout)
            status = self.call("status")
            self.assertRegex(status.stdout, r"sluiced-n0 +runs")
            job = self.call("run", "--user", "alice", "--", "sbatch", "--wait",
                            "--event-sink=log", "--wrap=true")
            self.assertEqual(job.returncode, 0, job.stderr)
            self.assertEqual(self.call("down", "--keep").returncode, 0)
        self.assertIn("slurm.job.end", (self.dir / "sluiced/events.jsonl").read_text())
        self.assertEqual(self.call("down").returncode, 0)
        self.assertFalse(self.dir.exists())
        self.dir.mkdir()  # for the clean-up

    def test_a_folder_with_other_things_in_it(self):
        kept = self.dir / "thesis.tex"
        kept.write_text("years of work")
        for verb in ("up", "down", "status"):
            done = self.call(verb)
            self.assertNotEqual(done.returncode, 0, verb)
            self.assertIn("has other things in it", done.stderr)
        self.assertEqual(kept.read_text(), "years of work")

    def test_a_folder_of_somebody_else(self):
        os.chown(self.dir, STRANGER, STRANGER)
        for verb in ("up", "down", "status"):
            done = self.call(verb)
            self.assertIn("not root's own folder", done.stderr, verb)

    def test_somebody_else_listens(self):
        (self.dir / "plan.json").write_text("{}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self.dir / "supervisor.sock"))
            os.seteuid(STRANGER)  # whose socket it is, is decided by who listens
            try:
                listener.listen()
            finally:
                os.seteuid(0)
            for verb in (["status"], ["down"], ["run", "--", "id"]):
                done = self.call(*verb)
                self.assertNotEqual(done.returncode, 0, verb)
                self.assertIn(f"user {STRANGER} listens there, not root", done.stderr, verb)


if __name__ == "__main__":
    unittest.main()
