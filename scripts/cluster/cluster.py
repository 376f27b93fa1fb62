"""Cluster: a private real Slurm that lives as long as its supervisor."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from . import daemons, ports, power, slurm_conf
from .config import ClusterConfig
from .isolation import PYTHON, unshare_command
from .layout import Layout
from .roots import ensure as ensure_root
from .slurm_commands import SlurmCommands
from .slurm_install import SlurmInstall
from .wait import GaveUp, wait_until

START_SECONDS = 30


class Cluster(SlurmCommands):
    """`with Cluster(ClusterConfig(nodes=1)) as cluster: cluster.sbatch(…)`

    Without `folder` it uses a temporary one and removes it in the end, unless the environment
    has SLUICE_KEEP or an exception ended the `with`. With `lifeline` (the default) everything
    ends with this process, however that ends; without, `stop` must be called, from any process.
    """

    def __init__(self, config=None, folder=None, lifeline=True):
        self.config = config or ClusterConfig()
        self._temporary = folder is None
        super().__init__(Layout(folder or tempfile.mkdtemp(prefix="sluice-")))
        self.lifeline = lifeline
        self._unshare = None
        self.port = None

    @property
    def dir(self):
        return self.layout.dir

    # Coming up and going down.

    def start(self):
        if self.is_up():
            raise RuntimeError(f"{self.dir}: a cluster runs here already")
        config = self.config
        self.install = SlurmInstall(ensure_root(config.root) if config.root else None)
        self.version = self.install.version()
        holder = None
        self.port = config.port_base
        if self.port is None:
            cloud = config.cloud.count if config.cloud else 0
            cloud += config.power.port_count() if config.power else 0
            self.port, holder = ports.reserve(4 + config.nodes + cloud)
        try:
            self.layout.make(config)
            slurm_conf.write_all(config, self.layout, self.port, self.version,
                                 self.install.plugins)
            if config.power:
                power.write(config.power, self.layout, self.port + 4 + config.nodes)
            self.layout.write_plan(config, self.lifeline)
            self._start_supervisor(holder)
        finally:
            if holder:
                holder.close()
        try:
            self._start_slurm()
        except BaseException:
            self.stop(keep=True)
            raise
        return self

    def _start_supervisor(self, holder):
        supervisor = Path(__file__).with_name("supervisor.py")
        command = unshare_command(PYTHON, "-B", "-S", supervisor, self.layout.plan)
        with open(self.layout.log / "supervisor.log", "ab") as log:
            self._unshare = subprocess.Popen(
                command, stdin=subprocess.PIPE if self.lifeline else subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=[holder.fileno()] if holder else [],
                start_new_session=True)

        def answers():
            if self._unshare.poll() is not None:
                raise GaveUp("the supervisor ended\n" + self.log_tail())
            return self.is_up()
        wait_until(answers, START_SECONDS, "the supervisor's socket", every=0.01)

    def _start_slurm(self):
        self.start_daemon("munged", daemons.munged(self.layout))
        wait_until(self.path(self.layout.munge_socket).is_socket, START_SECONDS,
                   "munged's socket", every=0.01)
        if self.config.power:
            home = power.folder(self.layout)
            self.run([home / "generate_conf", home])
        for index in range(self.config.controllers):
            self.start_slurmctld(index=index)
        for node in self.config.node_names():
            self.start_slurmd(node, wait=False)
        self.wait_nodes()

    def stop(self, keep=False):
        """Ends every process at once (SIGKILL: nothing in it is worth an orderly end)."""
        if self.is_up():
            ended = self.supervisor_pid
            self.ask("quit")
            wait_until(lambda: not Path(f"/proc/{ended}").exists(), 20,
                       "the supervisor's end", every=0.01)
        if self._unshare:
            self._unshare.wait(20)
            if self._unshare.stdin:
                self._unshare.stdin.close()
        if self._temporary and not keep and not os.environ.get("SLUICE_KEEP"):
            self.remove_files()

    def remove_files(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stop(keep=kind is not None)

    # Single daemons: "slurmctld", "slurmctld2" (a second controller), "slurmd-NODE",
    # "sluiced", "sluiced-NODE", "munged".

    def start_daemon(self, name, argv, env=None, hostname=None):
        return self.ask("start", name=name, argv=list(map(str, argv)), hostname=hostname,
                        env=daemons.environment(self.layout, **(env or {})),
                        log=str(self.layout.log / f"{name}.out"))["pid"]

    def start_slurmctld(self, env=None, index=0, wait=True):
        name = f"slurmctld{index + 1}" if index else "slurmctld"
        self.start_daemon(name, daemons.slurmctld(self.layout, self.install.slurmctld, index),
                          env, hostname=self.config.controller_names()[index])
        if wait:
            self._wait_listening(name, f"127.0.0.{index + 1}", self.port)

    def start_slurmd(self, node, env=None, wait=True):
        self.start_daemon(f"slurmd-{node}", daemons.slurmd(self.layout, node), env,
                          hostname=node)
        if wait:
            self.wait_nodes([node])

    def start_sluiced(self, config_path, node=None, env=None):
        name = f"sluiced-{node}" if node else "sluiced"
        self.start_daemon(name, daemons.sluiced(self.layout, config_path, node), env,
                          hostname=node)

    def start_power(self, env=None):
        """sluiced's power role, as SlurmUser, who is root here."""
        self.start_daemon("sluiced-power",
                          daemons.sluiced_power(self.layout, power.folder(self.layout)),
                          {**self.config.power.environment, **(env or {})})

    def _wait_listening(self, name, address, port):
        def listens():
            if self.pid_of(name) is None:
                raise GaveUp(f"{name} ended: {self.exit_of(name)}\n" + self.log_tail())
            with socket.create_connection((address, port), timeout=1):
                return True
        wait_until(listens, START_SECONDS, f"{name} on port {port}", every=0.02)

    def kill9(self, name):
        self.signal(name, signal.SIGKILL)
        self.wait_ended(name)

    def terminate(self, name, deadline=30):
        """SIGTERM, and the exit code."""
        self.signal(name, signal.SIGTERM)
        return self.wait_ended(name, deadline)
