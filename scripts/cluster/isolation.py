"""Namespaces and mounts: what keeps a private Slurm apart from the machine's own.

Everything runs in a mount, PID and UTS namespace of its own. The kernel kills every process
of a PID namespace when its PID 1 ends, and drops every mount of a mount namespace with its
last process, so however PID 1 ends (kill -9 too) nothing is left behind.

A "lifeline" is a pipe that a test holds open towards PID 1: its end, however the test ends,
is the signal to end. PR_SET_PDEATHSIG would not do: it fires when the *thread* that made the
child ends, and a test may start a cluster from a thread.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC = 32, 4096, 16384
CLONE_NEWUTS = 0x04000000

# What an entered root takes from the made one; the rest of it is an empty tmpfs.
ROOT_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "var")

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(source, target, kind="", flags=0, options=""):
    _check(_libc.mount(str(source).encode(), str(target).encode(), kind.encode() or None,
                       ctypes.c_ulong(flags), options.encode() or None),
           f"mount {source} on {target}")


def bind(source, target, recursive=False, read_only=False):
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def tmpfs(target, options):
    mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options)


def own_hostname(name):
    """Gives the calling process a host name of its own."""
    _check(_libc.unshare(CLONE_NEWUTS), "unshare --uts")
    encoded = name.encode()
    _check(_libc.sethostname(encoded, len(encoded)), f"sethostname {name}")


def enter_root(root, stage, shared):
    """Makes `root` this process's root, with each folder of `shared` at its own path.

    `stage` is an empty folder to build the new root on. The root's folders come in read-only,
    so that any number of clusters can share one root.
    """
    root, stage = Path(root), Path(stage)
    tmpfs(stage, "mode=755,size=64m")
    for name in ROOT_FOLDERS:
        source, target = root / name, stage / name
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif source.is_dir():
            target.mkdir()
            bind(source, target, read_only=True)
    for name, mode in (("tmp", 0o1777), ("run", 0o755), ("root", 0o755), ("home", 0o755),
                       ("proc", 0o755), ("dev", 0o755), ("sys", 0o755)):
        (stage / name).mkdir()
        (stage / name).chmod(mode)
    tmpfs(stage / "tmp", "mode=1777,size=2g")  # a compiler's temporary files are large
    # /var's own files are the root's, but programs write to its temporary folder.
    tmpfs(stage / "var/tmp", "mode=1777,size=1g")
    mount("proc", stage / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    bind("/dev", stage / "dev", recursive=True)
    bind("/sys", stage / "sys", recursive=True)
    for folder in shared:
        target = stage / Path(folder).relative_to("/")
        target.mkdir(parents=True, exist_ok=True)
        bind(folder, target)
    os.chroot(stage)
    os.chdir("/")


def unshare_command(*argv):
    """`argv` as PID 1 of its own mount, PID and UTS namespaces."""
    return ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL",
            "--mount-proc", "--propagation", "private", *map(str, argv)]


def root_command(root, argv, lifeline=False):
    """`argv` inside `root`, this project bound at its own path."""
    return unshare_command(PYTHON, __file__, "lifeline" if lifeline else "plain", root, *argv)


def run_in_root(root, argv):
    return subprocess.run(root_command(root, argv)).returncode


def _inside_root(mode, root, *argv):
    stage = Path(root).parent / ".stage"
    stage.mkdir(exist_ok=True)
    cwd = os.getcwd()
    enter_root(root, stage, [PROJECT])
    with contextlib.suppress(OSError):
        os.chdir(cwd)
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    if mode == "plain":
        return subprocess.run(argv).returncode
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    ended = os.pidfd_open(child.pid)
    select.select([0, ended], [], [])
    return child.poll() or 0


if __name__ == "__main__":
    # PID 1 gets no default signal action.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(_inside_root(*sys.argv[1:]))
