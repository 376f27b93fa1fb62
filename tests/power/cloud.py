"""A cluster whose nodes are instances of moto's, and what its tests ask about it."""

from cluster import power as programs
from harness import Moto, PowerSave, SluiceCluster
from harness.ec2_booter import Booter, running_instances
from harness.ec2_proxy import Ec2Proxy
from harness.ec2_query import Ec2Api
from harness.ec2_world import make_ec2_world


class Cloud:
    """`cloud = Cloud(test, nodes=4)`: everything ends with the test.

    With boots=False instances run and no slurmd boots in them, for tests of the programs alone.
    Further arguments are the node group's.
    """

    def __init__(self, test, nodes=4, settings=None, options=None, boots=True, sluice=None,
                 **group):
        self.test = test
        self.aws = test.enterContext(Moto())
        self.ec2 = test.enterContext(Ec2Proxy(self.aws))
        self.api = Ec2Api(self.aws)
        self.world = make_ec2_world(self.aws)
        self.names = [f"aws-node-{i}" for i in range(nodes)]
        self.node_list = f"aws-node-[0-{nodes - 1}]"
        described = {
            "NodeGroupName": "node", "MaxNodes": nodes, "Region": "us-east-1",
            "SlurmSpecifications": {"CPUs": 4, "RealMemory": 16000},
            "PurchasingOption": "on-demand",
            "LaunchTemplateSpecification": {"LaunchTemplateId": self.world.template,
                                            "Version": "$Latest"},
            "LaunchTemplateOverrides": [{"InstanceType": "c5.large"}],
            "SubnetIds": self.world.subnet_ids(), **group}
        self.power = PowerSave(
            partitions=lambda port: {"Partitions": [{"PartitionName": "aws",
                                                     "NodeGroups": [described]}]},
            ports=nodes, environment=self.ec2.environment(),
            settings={"SuspendTime": 3, "SuspendTimeout": 3, "ResumeTimeout": 40,
                      **(settings or {})},
            options={"IntervalSeconds": 1, "StuckSeconds": 2, "FailureHoldSeconds": 1, "OrphanSeconds": 5, **(options or {})})
        self.c = test.enterContext(SluiceCluster(
            sluice=sluice, power=self.power, plugins=(), nodes=1,
            slurm_conf=("CommunicationParameters=NoInAddrAny",)))
        if boots:
            self.booter = test.enterContext(Booter(self.aws, self.c))

    def environment(self, program, **more):
        """What a program is started with from now on, besides AWS's."""
        programs.write_program(program, self.c.layout, {**self.power.environment, **more})

    def kills(self, program):
        """How often a kill -9 ended it so far."""
        file = programs.folder(self.c.layout) / f"{program}.exits"
        return file.read_text().split().count("137") if file.exists() else 0

    def path(self, program):
        return programs.folder(self.c.layout) / program

    def program(self, name, *arguments, check=True):
        return self.c.run([self.path(name), *arguments], check=check, timeout=120)

    def running(self):
        return [i.id for i in running_instances(self.api)]

    def launched(self):
        """Every instance there ever was, those that ended too."""
        return [item.findtext("instanceId") for page in self.api.pages("DescribeInstances")
                for item in page.iterfind("reservationSet/item/instancesSet/item")]

    def addresses(self):
        """{node: its address} of those that slurmctld was told."""
        text = self.c.run(["scontrol", "-o", "show", "nodes", self.node_list]).stdout
        found = [dict(word.split("=", 1) for word in line.split() if "=" in word)
                 for line in text.splitlines()]
        return {n["NodeName"]: n["NodeAddr"] for n in found if n["NodeAddr"] != n["NodeName"]}

    def states(self):
        text = self.c.run(["sinfo", "-h", "-N", "-p", "aws", "-o", "%N %T"]).stdout
        return dict(line.split() for line in text.splitlines())

    def wait_gone(self, each=None, seconds=60):
        """Until every node is powered down and every instance has ended; `each` is called before
        every look, as reconciling is by the clock."""
        def gone():
            if each:
                each()
            left, states = self.running(), self.states()
            return not left and set(states.values()) == {"idle~"} or \
                self.c._not_yet(f"{left} {states}")
        self.c.wait_until(gone, seconds, "every node powered down, every instance ended", every=0.3)
