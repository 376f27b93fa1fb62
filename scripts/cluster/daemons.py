"""The command line and environment of each daemon: one place to change how one is started."""

import os

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


SANITIZERS = ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")


def environment(layout, **more):
    passed_on = {name: os.environ[name] for name in SANITIZERS if name in os.environ}
    return {**passed_on, "PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root",
            "SLURM_CONF": str(layout.slurm_conf), **{k: str(v) for k, v in more.items()}}


def munged(layout):
    return ["/usr/sbin/munged", "--foreground", "--force",
            f"--key-file={layout.munge_key}", f"--socket={layout.munge_socket}",
            f"--pid-file={layout.dir}/munge/munged.pid", f"--seed-file={layout.dir}/munge/seed",
            f"--log-file={layout.log}/munged.log"]


def slurmctld(layout, binary, index=0):
    # In the foreground, so that its end is seen.
    return [binary, "-D", "-f", str(layout.controller_conf(index))]


def slurmd(layout, node):
    return ["/usr/sbin/slurmd", "-D", "-N", node, "-f", str(layout.slurm_conf)]


def sluiced_power(layout, folder):
    """The power role: sees to the nodes of the configuration in `folder`."""
    return [f"{layout.build}/ctld/sluiced/sluiced", "--role", "power", "--config", str(folder)]


def sluiced(layout, config_path, node=None):
    """The controller's sluiced, or a node's where `node` is given. SLUICE_SLUICED names another
    than the build folder's, such as one with a sanitizer."""
    binary = os.environ.get("SLUICE_SLUICED") or f"{layout.build}/ctld/sluiced/sluiced"
    role = ["--role", "node"] if node else []
    return [binary, *role, "--config", str(config_path)]
