"""What the other tests take for granted of their surroundings."""

import os
import signal
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from harness import Moto, Receiver, SluiceCluster, eventually

VICTIM = """
import sys, time
sys.path[:0] = {path!r}
from harness import SluiceCluster
cluster = SluiceCluster(plugins=()).start()
cluster.wait_job(cluster.sbatch(script="sleep 600"), ("RUNNING",))
print(cluster.dir, cluster.supervisor_pid, flush=True)
time.sleep(600)
"""


def processes_in(namespace):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns/pid") == namespace:
                found.append(process.name)
        except OSError:
            pass
    return found


class ClusterTest(unittest.TestCase):
    def test_a_job_runs_as_its_user(self):
        cluster = self.enterContext(SluiceCluster(plugins=()))
        job = cluster.sbatch(["-N2"], script="id -un; srun hostname | sort", user="alice")
        cluster.wait_job(job)
        out = (cluster.layout.home("alice") / f"slurm-{job}.out").read_text()
        self.assertEqual(out.split(), ["alice", "n0", "n1"])

    def test_two_at_once(self):
        clusters = [self.enterContext(SluiceCluster(plugins=(), nodes=1)) for _ in range(2)]
        for cluster in clusters:
            self.assertEqual(cluster.sbatch(), 1)

    def test_slurmctld_killed_and_started_again(self):
        cluster = self.enterContext(SluiceCluster(plugins=()))
        cluster.kill9("slurmctld")
        self.assertEqual(cluster.exit_of("slurmctld"), -signal.SIGKILL)
        cluster.start_slurmctld(env={"SLUICE_FAULT": "none"})
        cluster.wait_nodes()
        environment = cluster.path(f"/proc/{cluster.pid_of('slurmctld')}/environ").read_text()
        self.assertIn("SLUICE_FAULT=none", environment)

    def test_killed_test_leaves_nothing(self):
        victim = subprocess.Popen([sys.executable, "-c", VICTIM.format(path=sys.path)],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(victim.stdout.close)
        self.addCleanup(victim.wait)
        self.addCleanup(victim.kill)
        folder, supervisor = victim.stdout.readline().split()
        self.addCleanup(subprocess.run, ["rm", "-rf", folder])
        namespace = os.readlink(f"/proc/{supervisor}/ns/pid")
        self.assertGreater(len(processes_in(namespace)), 5)
        victim.kill()
        eventually(lambda: not processes_in(namespace), 5, "the end of all its processes")
        self.assertNotIn(folder, Path("/proc/mounts").read_text())


class ReceiverTest(unittest.TestCase):
    def post(self, hook, body=b"{}"):
        try:
            with urllib.request.urlopen(hook.url, data=body, timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError as error:
            return type(error).__name__

    def test_records_and_misbehaves(self):
        hook = self.enterContext(Receiver())
        hook.misbehave(status=503, headers={"Retry-After": 1}, times=2)
        hook.misbehave(status=400, matching=lambda r: b"bad" in r.body, times=float("inf"))
        answers = [self.post(hook, body) for body in (b"1", b"2", b"3", b"bad", b"bad")]
        self.assertEqual(answers, [503, 503, 200, 400, 400])
        self.assertEqual([r.body for r in hook.requests], [b"1", b"2", b"3", b"bad", b"bad"])

    def test_goes_down_and_comes_back(self):
        hook = self.enterContext(Receiver())
        port = hook.port
        hook.down()
        self.assertEqual(self.post(hook), "URLError")
        hook.up()
        self.assertEqual((self.post(hook), hook.port), (200, port))


class MotoTest(unittest.TestCase):
    def test_checks_signatures(self):
        aws = self.enterContext(Moto(check_signatures=True))
        self.assertIn("QueueUrl", aws.cli("sqs", "create-queue", "--queue-name", "q"))
        aws.secret = "wrong"
        with self.assertRaisesRegex(RuntimeError, "SignatureDoesNotMatch|InvalidSignature"):
            aws.cli("sqs", "list-queues")


if __name__ == "__main__":
    unittest.main()
