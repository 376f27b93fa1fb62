"""sluiced's power role: nodes are seen to without cron, and what happens to them is told."""

import json
import socket
import threading
import unittest

from harness import PowerSave, Receiver, SluiceCluster, accounted, eventually
from harness.contract import lines_of
from harness.ec2_booter import running_instances
from power.cloud import Cloud

PREFIX = "slurm.node."


def told(c, node=None):
    """The events of nodes in the file sink: (type without its prefix, node), in order."""
    events = [e for _, e in lines_of(c.layout.sluiced / "every.jsonl")
              if e["type"].startswith(PREFIX)]
    return [e for e in events if node in (None, e["data"]["node"]["name"])]


def kinds(events):
    return [e["type"][len(PREFIX):] for e in events]


def scrape(c, path):
    """What a metrics socket answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(str(c.path(path)))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return dict(line.rsplit(" ", 1) for line in text.split("\r\n\r\n", 1)[1].splitlines()
                if not line.startswith("#"))


class OnProcesses(unittest.TestCase):
    def setUp(self):
        self.power = PowerSave(
            groups={"node": 2}, settings={"SuspendTime": 8, "SuspendTimeout": 3},
            options={"IntervalSeconds": 1, "StuckSeconds": 2})
        self.c = SluiceCluster(sluice=accounted(), power=self.power, plugins=(), nodes=1)
        # Into its own folder, which is known once it is there.
        self.power.options["Metrics"] = f"unix:{self.c.layout.dir}/power.metrics"
        self.enterContext(self.c)
        self.names = self.power.node_names()

    def sluice(self, *arguments):
        done = self.c.run([self.c.layout.build / "common" / "sluice", "--json", "--config",
                           self.c.layout.etc / "power", *arguments])
        return json.loads(done.stdout)

    def test_a_nodes_life_is_told(self):
        self.c.start_power()
        done = self.c.run(["srun", "-p", "cloud", "-N2", "sh", "-c", "echo $SLURMD_NODENAME"],
                          timeout=60)
        self.assertEqual(sorted(done.stdout.split()), self.names)
        eventually(lambda: kinds(told(self.c)).count("ready") == 2, 20, "both are ready")
        for name in self.names:
            self.assertEqual(kinds(told(self.c, name))[:2], ["resume", "ready"])
        nodes = {n["node"]: n for n in self.sluice("nodes")["nodes"]}
        self.assertEqual(sorted(nodes), self.names)
        for event in told(self.c):
            node = event["data"]["node"]
            self.assertEqual(event["subject"], "node/" + node["name"])
            self.assertEqual(node["instance_id"], nodes[node["name"]]["instance_id"])
            self.assertEqual(node["group"], "cloud-node")
        boot = [e["data"]["node"]["boot_seconds"] for e in told(self.c) if "ready" in e["type"]]
        self.assertTrue(all(0 <= s < 60 for s in boot), boot)
        eventually(lambda: kinds(told(self.c)).count("suspend") == 2, 60, "both are suspended")
        eventually(lambda: self.sluice("nodes")["nodes"] == [], 30, "nothing is left")
        self.assertEqual(len({e["id"] for e in told(self.c)}), 6)
        seen = scrape(self.c, self.c.layout.dir / "power.metrics")
        self.assertEqual(seen['sluice_power_launches_total{group="cloud-node",market="on-demand"}'], "2")
        self.assertEqual(seen["sluice_power_events_waiting"], "0")
        self.assertEqual(seen["sluice_power_endings"], "0")

    def test_events_wait_for_sluiced(self):
        self.c.kill9("sluiced")
        self.c.start_power()
        self.c.run(["srun", "-p", "cloud", "-N1", "true"], timeout=60)
        self.c.kill9("sluiced-power")
        self.c.start_power()
        self.c.restart_sluiced()
        eventually(lambda: kinds(told(self.c))[:2] == ["resume", "ready"], 30, "both are told")

    def test_only_one_sees_to_a_record(self):
        self.c.start_power()
        eventually(lambda: "sees to the nodes" in self.log(), 10, "its start")
        second = self.c.run([self.c.layout.build / "ctld/sluiced/sluiced", "--role", "power",
                             "-c", self.c.layout.etc / "power"], check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn("another sluiced", second.stderr)

    def log(self):
        return (self.c.layout.log / "sluiced-power.out").read_text()

    def test_a_node_is_drained_by_its_own_metadata(self):
        job = self.c.sbatch(["-p", "cloud", "-N1", "-o", "/dev/null", "--requeue"],
                            script="sleep 600", user="root")
        self.c.wait_job(job, ("RUNNING",), 60)
        metadata = self.enterContext(Receiver())
        warned = threading.Event()

        def reply(request):
            if request.path == "/latest/api/token":
                return 200, b"token"
            if request.path.endswith("/spot/instance-action") and warned.is_set():
                return 200, b'{"action": "terminate", "time": "2026-01-01T00:00:00Z"}'
            return 404, b""
        metadata.misbehave(times=float("inf"), reply=reply)
        watch = self.c.popen([self.c.layout.build / "common" / "sluice", "node-watch", "--node",
                              self.names[0], "--every", "1"],
                             env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url})
        eventually(lambda: sum(r.path.endswith("instance-action") for r in metadata.requests) > 1,
                   20, "two looks")
        self.assertIsNone(watch.poll())
        warned.set()
        self.assertEqual(watch.wait(20), 0)
        eventually(lambda: self.c.job(job).get("Restarts") == "1", 20, "the job is put back")
        self.assertIn("sluice: interrupted: spot instance interruption: terminate",
                      self.state_of(self.names[0]))
        self.c.run(["scancel", str(job)])

    def test_a_machine_that_nobody_expects_has_no_name(self):
        done = self.c.run([self.c.layout.build / "common" / "sluice", "node-name", "--address",
                           "127.9.9.8", "--deadline", "1", "--no-fallback"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("expects no node", done.stderr)

    def state_of(self, node):
        return self.c.run(["scontrol", "-o", "show", "node", node]).stdout


class OnEc2(unittest.TestCase):
    def start(self, options=None, env=None, **more):
        self.cloud = Cloud(self, sluice=accounted(), options=options, **more)
        self.c = self.cloud.c
        self.addCleanup(lambda: self.assertEqual(self.cloud.running(), []))
        self.c.start_power(env)

    def test_an_interrupted_node_gives_its_job_back(self):
        self.start()
        queue = self.cloud.aws.cli("sqs", "create-queue", "--queue-name", "warnings")["QueueUrl"]
        folder = self.c.layout.etc / "power" / "config.json"
        config = json.loads(folder.read_text())
        config["InterruptionQueue"] = queue
        folder.write_text(json.dumps(config))
        self.c.terminate("sluiced-power", 90)
        self.c.start_power({"AWS_ENDPOINT_URL_SQS": self.cloud.aws.url})
        job = self.c.sbatch(["-p", "aws", "-N1", "-o", "/dev/null", "--requeue"],
                            script="sleep 600", user="root")
        self.c.wait_job(job, ("RUNNING",), 60)
        instance = self.cloud.running()[0]
        self.cloud.aws.cli("sqs", "send-message", "--queue-url", queue, "--message-body", json.dumps({
            "detail-type": "EC2 Spot Instance Interruption Warning",
            "detail": {"instance-id": instance, "instance-action": "terminate"}}))
        eventually(lambda: self.c.job(job).get("Restarts") == "1", 30, "the job is put back")
        eventually(lambda: "interrupted" in kinds(told(self.c)), 30, "the event")
        event = next(e for e in told(self.c) if e["type"].endswith("interrupted"))
        self.assertEqual(event["data"]["node"]["instance_id"], instance)
        self.assertEqual(event["data"]["reason"], "spot instance interruption: terminate")
        eventually(lambda: instance not in self.cloud.running(), 60, "its instance ends")
        self.c.run(["scancel", str(job)])
        self.cloud.wait_gone()

    def test_machines_that_never_register(self):
        self.start(nodes=3, boots=False, options={"BootFailures": 1, "ProtectSeconds": 600},
                   settings={"ResumeTimeout": 6, "SuspendTime": 600})
        job = self.c.sbatch(["-p", "aws", "-N1", "-o", "/dev/null"], user="root")
        eventually(lambda: "failed" in kinds(told(self.c)), 60, "the node is given up")
        eventually(lambda: not self.cloud.running(), 60, "its instance ends")
        launched = len(self.cloud.launched())
        done = self.cloud.program("resume", "aws-node-2", check=False)
        self.assertIn("group aws-node is left alone", done.stdout)
        self.assertEqual(len(self.cloud.launched()), launched)
        self.c.run(["scancel", str(job)])

    def test_a_machine_finds_its_nodes_name(self):
        self.start(boots=False, settings={"SuspendTime": 600, "ResumeTimeout": 60})
        self.c.run(["scontrol", "update", "nodename=aws-node-[0-1]", "state=power_up"])
        eventually(lambda: len(self.cloud.addresses()) == 2, 30, "addresses")
        for node, address in self.cloud.addresses().items():
            done = self.c.run([self.c.layout.build / "common" / "sluice", "node-name", "--address",
                               address, "--no-fallback", "--deadline", "5"])
            self.assertEqual(done.stdout.strip(), node)
        self.cloud.program("suspend", self.cloud.node_list)

    def test_every_instance_has_its_nodes_name(self):
        self.start(Tags=[{"Key": "Where", "Value": "{node_name}@{ip_address}"}])
        self.c.run(["srun", "-p", "aws", "-N2", "true"], timeout=60)

        def named():
            tags = {i.tags.get("Name"): i.tags.get("Where") for i in running_instances(self.cloud.api)}
            at = self.cloud.addresses()
            return tags == {n: f"{n}@{at[n]}" for n in tags if n in at} and len(tags) == 2
        eventually(named, 30, "Name tags")
        self.cloud.wait_gone()

    def test_slurmctld_killed_while_nodes_are_launched(self):
        self.start()
        held = self.cloud.ec2.hold("CreateFleet")
        job = self.c.sbatch(["-p", "aws", "-N2", "-o", "/dev/null"], user="root")
        held.wait_arrived()
        self.c.kill9("slurmctld")
        held.release()
        self.c.start_slurmctld()

        def over():
            if self.c.job(job).get("Reason") == "BeginTime":
                self.c.run(["scontrol", "update", f"jobid={job}", "starttime=now"], check=False)
            return self.c.job(job).get("JobState") == "COMPLETED" or \
                self.c._not_yet(f"{self.c.job(job)} {self.cloud.states()}")
        self.c.wait_until(over, 120, "the job", every=0.3)
        self.cloud.wait_gone()
        self.assertLessEqual(len(self.cloud.launched()), 4)


if __name__ == "__main__":
    unittest.main()
