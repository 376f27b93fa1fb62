"""Power save in a private cluster: nodes that exist only while work needs them.

The cluster is configured as an administrator would do it: config.json and partitions.json in one
folder, DIR/etc/power, with the programs linked beside them; generate_conf writes the lines, and
slurm.conf includes them.
"""

import json
import shlex
from dataclasses import dataclass, field
from typing import Callable, Optional

PROGRAMS = ("resume", "suspend", "change_state", "generate_conf")


@dataclass
class PowerSave:
    groups: dict = field(default_factory=lambda: {"node": 4})  # name: nodes, as local processes
    partition: str = "cloud"
    cpus: int = 4
    # slurm.conf's; more, or others than these.
    settings: dict = field(default_factory=dict)
    # In place of `groups`: first port -> partitions.json's content. `ports`: how many it needs.
    partitions: Optional[Callable] = None
    ports: int = 0
    options: dict = field(default_factory=dict)  # further keys of config.json
    # For the programs, which slurmctld starts with next to none: credentials, endpoints.
    environment: dict = field(default_factory=dict)

    def port_count(self):
        return self.ports or sum(self.groups.values())

    def partitions_json(self, port):
        if self.partitions:
            return self.partitions(port)
        groups = []
        for name, count in self.groups.items():
            # Not NodeAddr: slurmctld is told where they are once they are launched.
            specs = {"CPUs": self.cpus, "RealMemory": 16000, "NodeHostname": "localhost",
                     "Port": f"[{port}-{port + count - 1}]" if count > 1 else port}
            groups.append({"NodeGroupName": name, "MaxNodes": count, "Provider": "process",
                           "SlurmSpecifications": specs})
            port += count
        return {"Partitions": [{"PartitionName": self.partition, "NodeGroups": groups}]}

    def node_names(self):
        if self.partitions:
            return []
        return [f"{self.partition}-{group}-{i}" for group, count in self.groups.items()
                for i in range(count)]


def folder(layout):
    return layout.etc / "power"


def write(power, layout, port):
    home = folder(layout)
    home.mkdir(exist_ok=True)
    (layout.dir / "power").mkdir(exist_ok=True)
    for program in PROGRAMS:
        write_program(program, layout, power.environment)
    settings = {"PrivateData": "CLOUD", "ResumeProgram": str(home / "resume"),
                "SuspendProgram": str(home / "suspend"), "ResumeRate": 0, "SuspendRate": 0,
                "ResumeTimeout": 60, "SuspendTimeout": 5, "SuspendTime": 120,
                "TreeWidth": 60000, **power.settings}
    config = {"LogLevel": "DEBUG", "LogFileName": str(layout.log / "power.log"),
              "StateDirectory": str(layout.dir / "power"),
              "EventSocket": str(layout.sluiced / "sluice.sock"), "SlurmConf": settings,
              **power.options}
    (home / "config.json").write_text(json.dumps(config, indent=2))
    (home / "partitions.json").write_text(json.dumps(power.partitions_json(port), indent=2))
    for name in power.node_names():  # slurmd makes the last folder of its spool alone
        (layout.node(name) / "spool").mkdir(parents=True, exist_ok=True)


def write_program(program, layout, environment):
    """A link, or where it needs an environment, which slurmctld does not give, a script."""
    home = folder(layout)
    built = layout.build / "ctld" / "power" / program
    new = home / f".{program}"
    new.unlink(missing_ok=True)
    if environment:
        given = " ".join(f"{k}={shlex.quote(str(v))}" for k, v in environment.items())
        # How each ended is kept, for tests that kill them.
        new.write_text(f"#!/bin/sh\nenv SLUICE_POWER_CONFIG={home} {given} {built} \"$@\"\n"
                       f"status=$?\necho $status >> {home}/{program}.exits\nexit $status\n")
        new.chmod(0o700)
    else:
        new.symlink_to(built)
    new.replace(home / program)


def slurm_conf_lines(layout):
    # Nodes that are simply there would be suspended too.
    return ["SuspendExcParts=main", f"Include {folder(layout)}/slurm.conf.aws"]
