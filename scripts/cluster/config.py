"""What a private cluster can be told: ClusterConfig."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .isolation import PROJECT
from .power import PowerSave

PLUGINS = ("prep", "spank", "jobcomp")


@dataclass
class CloudNodes:
    """Nodes cloud[0-(count-1)] that exist only once ResumeProgram has made them.

    A ResumeProgram that starts local slurmds makes DIR/NODE/spool first, and gives each slurmd
    -b, a session of its own and an open standard input (else its log is lost).
    """

    count: int
    resume_program: str
    suspend_program: str
    resume_timeout: int = 30
    suspend_timeout: int = 10
    suspend_time: int = 10
    cpus: int = 4
    extra: tuple = ()  # further slurm.conf lines, such as ResumeRate=0


@dataclass
class ClusterConfig:
    name: str = "sluice"
    nodes: int = 2
    cpus: int = 64  # claimed, not real: SlurmdParameters=config_overrides
    controllers: int = 1
    port_base: Optional[int] = None  # None: a free block, reserved while the cluster runs

    # Another Debian's Slurm: the name of a root (trixie, sid), or None for the system's.
    root: Optional[str] = None
    # Sluice's build folder, and which of its plugins Slurm loads.
    build: Path = PROJECT / "build" / "dev"
    plugins: tuple = ("prep", "spank")
    prep_parameters: tuple = ()  # after sluice_inbox=…
    spank_arguments: tuple = ()  # after inbox=…

    inbox_size: str = "16m"
    inbox_inodes: int = 65536
    inbox_mode: str = "2770"  # owner root, group sluice

    min_job_age: int = 300
    kill_wait: int = 2
    debug: str = "verbose"
    # Slurm's own values let a job wait 3 to 60 s, after a restart say; tests are in a hurry.
    # Give "" where the scheduler's own pace is the subject.
    scheduler_parameters: str = "batch_sched_delay=0,sched_interval=2,bf_interval=2"
    slurm_conf: tuple = ()  # further lines; one that sets what is set already replaces it
    partitions: tuple = ()  # further lines: "PartitionName=… Nodes=…"
    cloud: Optional[CloudNodes] = None
    power: Optional[PowerSave] = None

    # name -> (uid, (further groups)); each also gets a group of its name and number.
    users: dict = field(default_factory=lambda: {
        "alice": (20001, ("hpc",)), "bob": (20002, ()), "sluice": (20010, ())})
    groups: dict = field(default_factory=lambda: {"hpc": 20100})

    def __post_init__(self):
        self.build = Path(self.build).resolve()
        unknown = set(self.plugins) - set(PLUGINS)
        if unknown:
            raise ValueError(f"plugins {sorted(unknown)}: known are {', '.join(PLUGINS)}")
        if self.controllers not in (1, 2):
            raise ValueError(f"controllers={self.controllers}: 1 or 2")

    def node_names(self):
        return [f"n{i}" for i in range(self.nodes)]

    def controller_names(self):
        return [f"ctl{i}" for i in range(self.controllers)]
