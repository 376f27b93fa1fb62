"""power: what it takes to resume and suspend N nodes on EC2, against doing it node by node.

The nodes are a real slurmctld's; EC2 is moto behind the tests' proxy, which counts calls and takes
moto's own time off. The peer does what resume.py and suspend.py of aws-plugin-for-slurm do (seen in
its documentation): one CreateFleet, then for each node a DescribeInstances for its instance, a
CreateTags and an scontrol; for each suspended node one TerminateInstances.
"""

import json
import os
import sys
from pathlib import Path

from harness import Moto, PowerSave, SluiceCluster
from harness.ec2_proxy import Ec2Proxy
from harness.ec2_query import Ec2Api
from harness.ec2_world import make_ec2_world
from harness.ec2_booter import running_instances

from .report import line, median

SIZES = (1, 10, 100, 500, 2000)
PEER_MOST = 500  # the peer takes seconds there already
BARS = {("resume", 500): {"bar_calls": 5, "bar_rpcs": 3, "bar_wall_s": 0.4, "bar_cpu_s": 0.1},
        ("suspend", 500): {"bar_calls": 3, "bar_cpu_s": 0.05},
        ("resume", 1): {"bar_cpu_s": 0.015}, ("suspend", 1): {"bar_cpu_s": 0.015},
        ("resume", 2000): {"bar_rss_mib": 32}, ("suspend", 2000): {"bar_rss_mib": 32}}

# Starts a program and says what the kernel says of it: exactly that process and its children.
MEASURE = """
import json, os, subprocess, sys, time
begun = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps({"wall_s": time.monotonic() - begun, "exit": os.waitstatus_to_exitcode(status),
                  "cpu_s": usage.ru_utime + usage.ru_stime, "rss_mib": usage.ru_maxrss / 1024}))
"""


class Bench:
    def __init__(self, options, aws, ec2):
        self.options, self.aws, self.ec2 = options, aws, ec2
        self.world = make_ec2_world(aws)
        most = max(SIZES)
        group = {"NodeGroupName": "node", "MaxNodes": most, "Region": "us-east-1",
                 "SlurmSpecifications": {"CPUs": 4, "RealMemory": 16000},
                 "PurchasingOption": "on-demand",
                 "LaunchTemplateSpecification": {"LaunchTemplateId": self.world.template,
                                                 "Version": "$Latest"},
                 "LaunchTemplateOverrides": [{"InstanceType": "c5.large"}],
                 "SubnetIds": self.world.subnet_ids()}
        self.power = PowerSave(
            partitions=lambda port: {"Partitions": [{"PartitionName": "aws",
                                                     "NodeGroups": [group]}]},
            ports=1, environment=ec2.environment(), settings={"SuspendTime": 86400})

    def rpcs(self, cluster):
        """How often slurmctld was asked about nodes or told of them."""
        text = cluster.run(["sdiag"]).stdout
        found = 0
        for row in text.splitlines():
            if any(name in row for name in ("REQUEST_NODE_INFO ", "REQUEST_UPDATE_NODE ")):
                found += int(row.split("count:")[1].split()[0])
        return found

    def measure(self, cluster, argv, env):
        self.ec2.clear()
        before = self.rpcs(cluster)
        done = cluster.run([sys.executable, "-c", MEASURE, *argv], env=env, timeout=600)
        found = json.loads(done.stdout.splitlines()[-1])
        if found["exit"] != 0:
            raise RuntimeError(f"{argv}: exit {found['exit']}\n{done.stderr}\n"
                               f"{cluster.log_tail()}")
        found["calls"] = len(self.ec2.calls)
        found["rpcs"] = self.rpcs(cluster) - before
        # Moto's own part is none of the program's; nor is the time in which nothing runs but moto.
        found["wall_s"] = max(0.0, found["wall_s"] - self.ec2.upstream_seconds)
        return found

    def ours(self, cluster, verb, count):
        program = cluster.layout.build / "ctld" / "power" / verb
        env = {**self.ec2.environment(), "SLUICE_POWER_CONFIG": cluster.layout.etc / "power"}
        return self.measure(cluster, [program, nodes(count)], env)

    def peer(self, cluster, verb, count):
        script = Path(__file__).resolve().parents[1] / "peer" / "node_by_node.py"
        env = {**self.ec2.environment(), "LAUNCH_TEMPLATE": self.world.template,
               "SUBNETS": ",".join(self.world.subnet_ids())}
        return self.measure(cluster, ["/usr/bin/python3", script, verb, nodes(count)], env)

    def end_all(self):
        ids = [i.id for i in running_instances(Ec2Api(self.aws))]
        for at in range(0, len(ids), 500):
            Ec2Api(self.aws).call("TerminateInstances", InstanceId=ids[at:at + 500])

    def run(self, rounds, sizes):
        cluster_config = {"build": self.options.build, "power": self.power, "plugins": (),
                          "nodes": 1, "debug": "info",
                          "slurm_conf": ("CommunicationParameters=NoInAddrAny",)}
        for count in sizes:
            found = {}
            with SluiceCluster(**cluster_config) as cluster:
                for at in range(rounds):
                    sides = [("ours", self.ours)]
                    if count <= PEER_MOST:
                        sides.append(("peer", self.peer))
                    for name, side in sides if at % 2 == 0 else reversed(sides):
                        for verb in ("resume", "suspend"):
                            found.setdefault((name, verb), []).append(side(cluster, verb, count))
                        self.end_all()
            report(found, count)


def nodes(count):
    return "aws-node-0" if count == 1 else f"aws-node-[0-{count - 1}]"


def report(found, count):
    for verb in ("resume", "suspend"):
        for unit in ("calls", "wall_s", "cpu_s", "rss_mib", "rpcs"):
            mine = median([r[unit] for r in found["ours", verb]])
            peer = median([r[unit] for r in found.get(("peer", verb), [])])
            bar = BARS.get((verb, count), {}).get(f"bar_{unit}")
            more = {"bar": bar} if bar else {}
            line(f"power.{verb}.{count}.{unit}", mine,
                 {"wall_s": "s", "cpu_s": "s", "rss_mib": "MiB"}.get(unit, unit),
                 "node by node" if peer is not None else None, peer,
                 rounds=len(found["ours", verb]), **more)


def run(options):
    rounds = options.rounds or (1 if options.quick else 5)
    sizes = SIZES[:3] if options.quick else SIZES
    os.umask(0o022)
    with Moto() as aws, Ec2Proxy(aws) as ec2:
        Bench(options, aws, ec2).run(rounds, sizes)
