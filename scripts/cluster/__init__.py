"""A private real Slurm on this machine, for development, tests and demonstrations."""

from .cluster import Cluster
from .config import CloudNodes, ClusterConfig
from .inside import CommandFailed
from .power import PowerSave
from .wait import wait_until

__all__ = ["Cluster", "ClusterConfig", "CloudNodes", "CommandFailed", "PowerSave",
           "wait_until"]
