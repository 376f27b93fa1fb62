"""A private real Slurm on this machine, for development, tests and demonstrations."""

from .cluster import Cluster
from .config import CloudNodes, ClusterConfig
from .inside import CommandFailed
from .wait import wait_until

__all__ = ["Cluster", "ClusterConfig", "CloudNodes", "CommandFailed", "wait_until"]
