"""Talking to a running cluster from outside: its supervisor, commands, processes, files.

Needs nothing but DIR: the supervisor's process id comes from the kernel, as the peer of its
socket (SO_PEERCRED), so a stale pid file can never be taken for it.
"""

import json
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path

from .daemons import PATH
from .wait import wait_until


class Inside:
    def __init__(self, layout):
        self.layout = layout

    def _connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Blocking: with a timeout Python connects without waiting, and a supervisor that has its
        # hands full, and so its queue, would pass for one that is gone.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 10, 0))
        try:
            connection.connect(str(self.layout.socket))
        except OSError:
            connection.close()
            raise
        connection.settimeout(10)
        uid = peer_of(connection)[1]
        if uid != 0:  # we would run programs of its file system, as root
            connection.close()
            raise RuntimeError(f"{self.layout.socket}: user {uid} listens there, not root: "
                               "this is no cluster of ours")
        return connection

    @property
    def supervisor_pid(self):
        """Its process id, seen from outside; OSError when it does not run."""
        with self._connect() as connection:
            return peer_of(connection)[0]

    def is_up(self):
        try:
            return self.supervisor_pid > 0
        except OSError:
            return False

    def ask(self, operation, **arguments):
        with self._connect() as connection, connection.makefile("rw") as stream:
            stream.write(json.dumps({"op": operation, **arguments}) + "\n")
            stream.flush()
            line = stream.readline()
        reply = json.loads(line) if line else {}
        if "error" in reply:
            raise RuntimeError(f"{operation} {arguments.get('name', '')}: {reply['error']}")
        return reply

    def command(self, argv, user="root", cwd=None):
        """`argv` as run by `user` inside the cluster, from outside."""
        become = ["setpriv"]
        if user != "root":
            become += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        # Ends with nsenter, so that a timeout leaves nothing running inside.
        become += ["--pdeathsig", "KILL"]
        return ["nsenter", "-t", str(self.supervisor_pid), "-m", "-u", "-p", "-r", "-w",
                *become, "env", "-C", str(cwd or self.layout.home(user)), *map(str, argv)]

    def environment(self, user="root", env=None):
        return {"PATH": PATH, "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb"),
                "HOME": str(self.layout.home(user)), "USER": user, "LOGNAME": user,
                "SLURM_CONF": str(self.layout.slurm_conf),
                **{k: str(v) for k, v in (env or {}).items()}}

    def popen(self, argv, user="root", env=None, cwd=None, **options):
        return subprocess.Popen(self.command(argv, user, cwd),
                                env=self.environment(user, env), **options)

    def run(self, argv, user="root", env=None, cwd=None, input=None, check=True, timeout=60):
        """subprocess.CompletedProcess of text; CommandFailed tells what it printed."""
        done = subprocess.run(self.command(argv, user, cwd), env=self.environment(user, env),
                              input=input if input is not None else "", text=True,
                              capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise CommandFailed(argv, done)
        return done

    def path(self, inner):
        """A path from outside to what lies at `inner` inside (the inboxes' tmpfs, say)."""
        return Path(f"/proc/{self.supervisor_pid}/root") / Path(inner).relative_to("/")

    def processes(self):
        """{pid inside: its arguments} of every process of the cluster."""
        found = {}
        for entry in os.scandir(self.path("/proc")):
            if entry.name.isdigit():
                try:
                    raw = Path(entry.path, "cmdline").read_bytes()
                except OSError:
                    continue  # ended meanwhile
                found[int(entry.name)] = raw.rstrip(b"\0").decode(errors="replace").split("\0")
        return found

    def pids(self, name):
        """Pids inside of programs called `name` (slurmstepd, sluiced…), oldest first."""
        def matches(arguments):
            program = os.path.basename(arguments[0].split(" ")[0].rstrip(":"))
            return program == name or program == f"{name}-wlm"
        return sorted(pid for pid, arguments in self.processes().items() if matches(arguments))

    def kill_pid(self, pid, number=signal.SIGKILL):
        self.run(["kill", f"-{int(number)}", str(pid)])

    # Daemons the supervisor started, by the name they were started under.

    def daemons(self):
        return self.ask("status")["daemons"]

    def pid_of(self, name):
        daemon = self.daemons().get(name)
        return daemon["pid"] if daemon and daemon["exit"] is None else None

    def exit_of(self, name):
        """Exit code (negative: the signal) of an ended daemon, None while it runs."""
        return self.daemons()[name]["exit"]

    def signal(self, name, number):
        self.ask("signal", name=name, signal=int(number))

    def wait_ended(self, name, deadline=20):
        wait_until(lambda: self.pid_of(name) is None, deadline, f"end of {name}", every=0.01)
        return self.exit_of(name)


def peer_of(connection):
    """Process, user and group at the other end, as the kernel knows them."""
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


class CommandFailed(RuntimeError):
    def __init__(self, argv, done):
        super().__init__(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        self.done = done
