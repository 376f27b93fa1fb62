"""Booter: stands in for the instances. Where moto says that one runs, a slurmd boots in a cluster.

Clusters have no network of their own, so an instance's address must be this machine's already:
ec2_world's subnets lie within 127.0.0.0/8, all of which is loopback, and nothing has to be set up
or cleaned away. slurmd listens at every address, and each node needs a Port of its own; unless
slurm.conf has

    CommunicationParameters=NoInAddrAny

with which it listens at the instance's alone: then all nodes may have one Port, as on EC2, and a
slurmctld that was told a wrong address reaches nobody.

An instance is whatever shares its UTS namespace: slurmd, its steps, the jobs' processes. All of it
is killed at once when moto says that the instance no longer runs, and ends with the cluster.
"""

import ipaddress
import os
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Optional

from cluster import daemons, wait_until
from cluster.isolation import PYTHON

from .ec2_query import Ec2Api

# With NoInAddrAny whoever listens does so where its host name leads. slurmd starts with the name
# that EC2 gives, which leads to the instance's address. When it listens, the name becomes the short
# one, which leads to 127.0.0.1: a job's srun has to listen there, since on loopback that is where
# its own calls come from, and so where it is answered.
SLURMD = """
import os, socket, sys, time
address, port, name, *argv = sys.argv[1:]
slurmd = os.getpid()
if os.fork() == 0:
    if os.fork() == 0:
        at = {"%02X%02X%02X%02X:%04X" % (*reversed(socket.inet_aton(one)), int(port))
              for one in (address, "0.0.0.0")}
        while not any(line[1] in at and line[3] == "0A"
                      for line in map(str.split, open("/proc/net/tcp"))):
            os.kill(slurmd, 0)  # or it has ended, and so does this
            time.sleep(0.002)
        socket.sethostname(name)
    os._exit(0)
os.wait()
os.execv(argv[0], argv)
"""

# Takes connections and never says a word: a machine that is up, whose slurmd is not.
MUTE = """
import socket, sys
taken = []
with socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64) as server:
    while True:
        taken.append(server.accept())
"""


@dataclass
class Instance:
    id: str
    address: str
    name: str  # as EC2's resolver has it
    type: str
    zone: str
    subnet: str
    tags: dict


@dataclass
class _Machine:
    instance: Instance
    boots_at: Optional[float]  # time.monotonic(); None: never
    node: str = ""  # once it has booted
    daemon: str = ""
    uts: str = ""


@dataclass
class Booter:
    """`with Booter(moto, cluster, boot=lambda instance: 2.0) as booter:`

    boot       seconds from the launch to slurmd's start, None: it never boots
    registers  False: it boots, takes connections, and never registers
    node_of    the name of an instance's node, "" while it is not known yet; else its Name tag or,
               before it has one, the node which slurmctld says has its address
    """

    moto: object
    cluster: object
    boot: object = lambda instance: 0.0
    registers: object = lambda instance: True
    node_of: object = None
    every: float = 0.1
    problems: list = field(default_factory=list)  # what went wrong in booting, each once

    def __post_init__(self):
        self._api = Ec2Api(self.moto)
        self._machines = {}  # instance id -> _Machine
        self._records, self._records_at = {}, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        """From here on instances stay as they are; the cluster's end is theirs."""
        self._stop.set()
        self._thread.join(30)

    def nodes(self):
        """{node: the Instance which is that node}, of those that have booted."""
        return {m.node: m.instance for m in list(self._machines.values()) if m.node}

    def wait_nodes(self, nodes, seconds=20.0):
        """Until each of `nodes` has booted; slurmctld may still have to learn of it."""
        def booted():
            missing = set(nodes) - set(self.nodes())
            if missing:
                raise RuntimeError(f"not {sorted(missing)}; {self.problems}")
            return True
        wait_until(booted, seconds, f"{len(nodes)} nodes have booted")

    def wait_gone(self, nodes, seconds=20.0):
        wait_until(lambda: not set(nodes) & set(self.nodes()), seconds, f"{nodes} are gone")

    def _watch(self):
        while not self._stop.wait(self.every):
            try:
                self._look()
            except Exception as error:  # the next look may do better; the test is told
                self._problem(repr(error))

    def _problem(self, what):
        if what not in self.problems:
            self.problems.append(what)

    def _look(self):
        running = {instance.id: instance for instance in running_instances(self._api)}
        for gone in set(self._machines) - set(running):
            self._end(self._machines[gone])
            del self._machines[gone]
        now = time.monotonic()
        for instance in running.values():
            machine = self._machines.get(instance.id)
            if machine is None:
                delay = self.boot(instance)
                machine = _Machine(instance, None if delay is None else now + delay)
                self._machines[instance.id] = machine
            machine.instance = instance  # tags come and change
            if not machine.node and machine.boots_at is not None and now >= machine.boots_at:
                self._boot(machine)

    def _boot(self, machine):
        instance = machine.instance
        node = self.node_of(instance) if self.node_of else self._node_by_record(instance)
        if not node:
            return  # its name is not known yet
        if not ipaddress.ip_address(instance.address).is_loopback:
            machine.boots_at = None
            self._problem(f"{instance.id}: {instance.address} is no address of this machine: "
                          "make the subnets within 127.0.0.0/8")
            return
        for other in list(self._machines.values()):
            if other.node == node:
                # slurmd's folders are one a node here: the later one would kill the other.
                self._problem(f"{node}: {instance.id} boots while {other.instance.id} is it")
                self._end(other)
                other.node, other.boots_at = "", None
        self._start(machine, node)

    def _start(self, machine, node):
        instance, layout = machine.instance, self.cluster.layout
        short, port = instance.name.split(".")[0], self._node_records()[node][1]
        self._add_host(instance.address, instance.name)
        self._add_host("127.0.0.1", short)
        (layout.node(node) / "spool").mkdir(parents=True, exist_ok=True)
        if self.registers(instance):
            name, argv = f"slurmd-{node}", [SLURMD, instance.address, port, short,
                                            *daemons.slurmd(layout, node), "-b"]
        else:
            name, argv = f"mute-{node}", [MUTE, instance.address, port]
        pid = self.cluster.start_daemon(name, [PYTHON, "-S", "-E", "-c", *argv],
                                        hostname=instance.name)
        own = os.readlink(f"/proc/{self.cluster.supervisor_pid}/ns/uts")

        def moved():
            machine.uts = os.readlink(self.cluster.path(f"/proc/{pid}/ns/uts"))
            return machine.uts != own
        wait_until(moved, 10, f"{name}'s own host name", every=0.005)
        machine.daemon, machine.node = name, node

    def _add_host(self, address, host):
        hosts = self.cluster.layout.etc / "hosts"
        line = f"{address} {host}\n"
        if line not in hosts.read_text():
            with open(hosts, "a") as file:  # in place: the file itself is bound over /etc/hosts
                file.write(line)

    def _end(self, machine):
        if not machine.node:
            return
        # Until a look finds none: one may have forked meanwhile.
        wait_until(lambda: not kill_all_of(machine.uts), 20, f"the end of {machine.node}",
                   every=0.01)
        self.cluster.wait_ended(machine.daemon)

    def _node_by_record(self, instance):
        records = self._node_records()
        if instance.tags.get("Name") in records:
            return instance.tags["Name"]
        return next((n for n, (address, _) in records.items() if address == instance.address), "")

    def _node_records(self):
        """{node: (address, port)} as slurmctld says, at most a moment ago."""
        if time.monotonic() - self._records_at > 3 * self.every:
            text = self.cluster.run(["scontrol", "-o", "show", "nodes"]).stdout
            default = re.search(r"^SlurmdPort=(\d+)", self.cluster.layout.slurm_conf.read_text(),
                                re.MULTILINE)
            fields = [dict(word.split("=", 1) for word in line.split() if "=" in word)
                      for line in text.splitlines()]
            self._records = {f["NodeName"]: (f.get("NodeAddr", ""),
                                             f.get("Port", default[1] if default else "6818"))
                             for f in fields if "NodeName" in f}
            self._records_at = time.monotonic()
        return self._records


def running_instances(api):
    running = {"Name": "instance-state-name", "Value": ["running"]}
    for page in api.pages("DescribeInstances", Filter=[running], MaxResults=1000):
        for item in page.iterfind("reservationSet/item/instancesSet/item"):
            tags = {tag.findtext("key"): tag.findtext("value") or ""
                    for tag in item.iterfind("tagSet/item")}
            yield Instance(item.findtext("instanceId"), item.findtext("privateIpAddress"),
                           item.findtext("privateDnsName"), item.findtext("instanceType"),
                           item.findtext("placement/availabilityZone"),
                           item.findtext("subnetId"), tags)


def kill_all_of(uts):
    """SIGKILL to every process in that UTS namespace; False where there is none."""
    found = False
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.readlink(f"/proc/{entry.name}/ns/uts") == uts:
                    os.kill(int(entry.name), signal.SIGKILL)
                    found = True
            except OSError:
                continue  # ended meanwhile
    return found
