"""Booter on a real Slurm: instances of moto's become nodes, run jobs and end with them."""

import subprocess
import time
import unittest

from harness import CloudNodes, Moto, SluiceCluster, eventually
from harness.ec2_booter import Booter, running_instances
from harness.ec2_query import Ec2Api
from harness.ec2_world import make_ec2_world

# One port for all, as on EC2.
ONE_PORT = ("CommunicationParameters=NoInAddrAny",
            "NodeName=aws-[0-3] CPUs=4 RealMemory=16000 State=CLOUD")


class BooterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aws = Moto().start()
        cls.addClassCleanup(cls.aws.stop)
        cls.api = Ec2Api(cls.aws)
        cls.world = make_ec2_world(cls.aws)

    def setUp(self):
        self.addCleanup(self.terminate_all)

    def cluster(self, *slurm_conf, **how):
        # What a resume program does, the test does.
        cloud = CloudNodes(count=4, resume_program="/bin/true", suspend_program="/bin/true",
                           suspend_time=600, resume_timeout=60)
        return self.enterContext(SluiceCluster(nodes=1, plugins=(), cloud=cloud,
                                               slurm_conf=slurm_conf, **how))

    def terminate_all(self):
        ids = [i.id for i in running_instances(self.api)]
        if ids:
            self.api.call("TerminateInstances", InstanceId=ids)

    def launch(self, count, subnet=0):
        answer = self.api.call(
            "CreateFleet", Type="instant",
            LaunchTemplateConfigs=[{
                "LaunchTemplateSpecification": {"LaunchTemplateId": self.world.template},
                "Overrides": [{"SubnetId": self.world.subnet_ids()[subnet]}]}],
            TargetCapacitySpecification={"TotalTargetCapacity": count,
                                         "DefaultTargetCapacityType": "on-demand"})
        ids = {e.text for e in answer.iterfind("fleetInstanceSet/item/instanceIds/item")}
        return [i for i in running_instances(self.api) if i.id in ids]

    def resumed(self, cluster, nodes):
        """Launches an instance for each once slurmctld has asked for it, and tells it where."""
        cluster.wait_until(lambda: all("POWERING_UP" in cluster.run(
            ["scontrol", "show", "node", node]).stdout for node in nodes), 30, "the resume")
        instances = self.launch(len(nodes))
        for node, instance in zip(nodes, instances, strict=True):
            cluster.run(["scontrol", "update", f"nodename={node}",
                         f"nodeaddr={instance.address}"])
        return dict(zip(nodes, instances, strict=True))

    def run_job(self, cluster, booter, partition, nodes):
        """One that goes on; from the controller first, which is what the nodes are resumed for."""
        asked = ["-p", partition, "-N2", "-w", ",".join(nodes)]
        first = cluster.popen(["srun", *asked, "hostname"], user="alice", stdout=subprocess.PIPE,
                              text=True)
        self.addCleanup(first.kill)
        instances = self.resumed(cluster, nodes)
        booter.wait_nodes(nodes)
        self.assertEqual({n: i.id for n, i in booter.nodes().items()},
                         {n: i.id for n, i in instances.items()})
        hosts = sorted(i.name.split(".")[0] for i in instances.values())
        self.assertEqual(sorted(first.communicate(timeout=60)[0].split()), hosts)
        job = cluster.sbatch(asked, script="srun hostname | sort; srun sleep 300")
        out = cluster.layout.home("alice") / f"slurm-{job}.out"
        cluster.wait_until(lambda: out.exists() and out.read_text().split() == hosts
                           and cluster.pids("sleep"), 30, f"{hosts} in {out}")
        return job, instances

    def check_life(self, cluster, partition, nodes):
        booter = self.enterContext(Booter(self.aws, cluster))
        job, instances = self.run_job(cluster, booter, partition, nodes)
        self.assertTrue(cluster.pids("slurmstepd"))
        ended = instances[nodes[0]]
        self.api.call("TerminateInstances", InstanceId=[ended.id])
        booter.wait_gone(nodes[:1])
        self.assertIsNone(cluster.pid_of(f"slurmd-{nodes[0]}"))
        self.assertIsNotNone(cluster.pid_of(f"slurmd-{nodes[1]}"))
        cluster.run(["scancel", job])
        self.api.call("TerminateInstances", InstanceId=[instances[nodes[1]].id])
        booter.wait_gone(nodes)
        self.assertEqual(cluster.pids("slurmstepd"), [])  # also the steps and what they ran
        self.assertEqual(cluster.pids("sleep"), [])
        self.assertEqual(booter.problems, [])

    def test_a_port_each(self):
        self.check_life(self.cluster(), "cloud", ["cloud0", "cloud1"])

    def test_one_port_for_all(self):
        cluster = self.cluster(*ONE_PORT, partitions=(
            "PartitionName=aws Nodes=aws-[0-3] MaxTime=INFINITE State=UP",))
        self.check_life(cluster, "aws", ["aws-1", "aws-2"])

    def test_by_its_name_tag_late_or_never(self):
        cluster = self.cluster()
        early, late, mute, never = (i.id for i in self.launch(4, subnet=1))
        names = {early: "cloud0", late: "cloud1", mute: "cloud2", never: "cloud3"}
        begun = time.monotonic()
        booter = self.enterContext(Booter(
            self.aws, cluster, boot=lambda i: {late: 1.0, never: None}.get(i.id, 0),
            registers=lambda i: i.id != mute))
        for instance, node in names.items():
            self.api.call("CreateTags", ResourceId=[instance],
                          Tag=[{"Key": "Name", "Value": node}])
        booter.wait_nodes(["cloud0", "cloud1", "cloud2"])
        self.assertGreaterEqual(time.monotonic() - begun, 1.0)
        self.assertNotIn("cloud3", booter.nodes())
        running = {name for name, d in cluster.daemons().items() if d["exit"] is None}
        self.assertLessEqual({"slurmd-cloud0", "slurmd-cloud1", "mute-cloud2"}, running)
        self.assertFalse({"slurmd-cloud2", "slurmd-cloud3"} & running)
        again = self.launch(1)[0]  # somebody launched it twice
        self.api.call("CreateTags", ResourceId=[again.id],
                      Tag=[{"Key": "Name", "Value": "cloud0"}])
        eventually(lambda: booter.nodes()["cloud0"].id == again.id, 10, "the second cloud0")
        self.assertIn(early, booter.problems[0])

    def test_an_address_of_nobody(self):
        world = make_ec2_world(self.aws, network="10.7.0.0/16", template_name="elsewhere")
        cluster = self.cluster()
        self.api.call("RunInstances", ImageId=world.image, MinCount=1, MaxCount=1,
                      SubnetId=world.subnet_ids()[0])
        booter = self.enterContext(Booter(self.aws, cluster, node_of=lambda i: "cloud0"))
        eventually(lambda: booter.problems, 10, "a word on it")
        self.assertRegex(booter.problems[0], "10.7.0.* is no address of this machine")
        self.assertEqual(booter.nodes(), {})


if __name__ == "__main__":
    unittest.main()
