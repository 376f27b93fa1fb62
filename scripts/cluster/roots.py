"""Chroot roots: other Debian releases, for the Slurm (or the moto) that they package.

A root is made once with mmdebstrap and kept in /var/cache/sluice-roots/NAME; a stamp inside
it holds the hash of its recipe, so a changed package list makes it anew. Nothing ever writes
to a finished root: whoever enters one does so through isolation.enter_root().
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("SLUICE_ROOTS", "/var/cache/sluice-roots"))
STAMP = ".sluice-recipe"
BUILD_SECONDS = 900

SLURM_PACKAGES = (
    "slurmctld slurmd slurm-client munge libslurm-dev libmunge-dev "
    "g++ cmake ninja-build ccache pkg-config python3 "
    "libcurl4-openssl-dev libjson-c-dev libssl-dev libsqlite3-dev libjemalloc-dev "
    "libpugixml-dev libfmt-dev libspdlog-dev libcli11-dev libmicrohttpd-dev libgtest-dev libgmock-dev "
    "libbenchmark-dev"
).split()

# moto needs jsonpath-ng for EventBridge rules with targets, but its package only suggests it.
MOTO_PACKAGES = ("python3-moto python3-flask-cors python3-openapi-spec-validator "
                 "python3-jsonpath-ng").split()


@dataclass(frozen=True)
class Recipe:
    suite: str
    packages: tuple
    # The suite to take when this one cannot be installed: unstable breaks now and then.
    fallback: str = ""

    def digest(self):
        text = " ".join([self.suite, self.fallback, *sorted(self.packages)])
        return hashlib.sha256(text.encode()).hexdigest()


RECIPES = {
    "trixie": Recipe("trixie", tuple(SLURM_PACKAGES)),
    "sid": Recipe("unstable", tuple(SLURM_PACKAGES)),
    "moto": Recipe("unstable", tuple(MOTO_PACKAGES), fallback="trixie"),
}


def is_current(name):
    """True when the root is made and made by today's recipe."""
    with contextlib.suppress(OSError):
        return (CACHE / name / STAMP).read_text() == RECIPES[name].digest()
    return False


def ensure(name):
    """Returns the root's folder, making the root first if need be (20 to 60 s)."""
    recipe, target = RECIPES[name], CACHE / name
    if is_current(name):
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(name):
            _make(recipe, target)
    return target


def _make(recipe, target):
    # Made beside its place and renamed, so that a killed build is never taken for a root.
    fresh = target.with_name(f".{target.name}.new")
    for suite in filter(None, (recipe.suite, recipe.fallback)):
        shutil.rmtree(fresh, ignore_errors=True)
        log = target.with_name(f"{target.name}.log")
        with open(log, "w") as out:
            code = subprocess.run(_mmdebstrap(suite, recipe.packages, fresh), stdout=out,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                  timeout=BUILD_SECONDS).returncode
        if code == 0:
            break
    else:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise RuntimeError(f"root {target.name}: mmdebstrap {suite} failed, see {log}:\n{tail}")
    (fresh / STAMP).write_text(recipe.digest())
    if target.exists():
        shutil.rmtree(target)
    fresh.rename(target)


def _mmdebstrap(suite, packages, folder):
    command = ["mmdebstrap", "--variant=minbase", "--include=" + ",".join(packages),
               '--aptopt=APT::Install-Recommends "false"']
    if suite == "unstable":
        # A mirror that lags behind serves an index past the date it carries.
        command.append('--aptopt=Acquire::Check-Valid-Until "false"')
    return command + [suite, str(folder)]
