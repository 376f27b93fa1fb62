"""The systemd units, sysusers and tmpfiles that are shipped: systemd's own tools accept them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import SluiceCluster

PROJECT = Path(__file__).resolve().parents[2]
ETC = PROJECT / "etc"
BUILD = Path(os.environ.get("SLUICE_BUILD", PROJECT / "build" / "dev"))
BUILT = BUILD / "etc" / "systemd"


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout + done.stderr


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
class Units(unittest.TestCase):
    # What systemd-analyze calls the exposure, times ten: kept from growing unnoticed.
    WORST = {"sluiced.service": 20, "sluiced-node.service": 25, "sluiced-power.service": 20}

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def take(self, *sources):
        """Copies with a program that is there in place of the one that will be installed."""
        for source in sources:
            text = re.sub(r"(?m)^(ExecStart=)\S+", r"\1/bin/true", source.read_text())
            (self.folder / source.name).write_text(text)
        return sorted(self.folder.iterdir())

    def verify(self, *sources):
        code, said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                         *self.take(*sources))
        # Slurm's and munge's own units may be missing or imperfect.
        ours = [line for line in said.splitlines() if "sluice" in line]
        self.assertEqual((code, ours), (0, []), said)

    def test_controller(self):
        self.verify(BUILT / "sluiced.service", ETC / "systemd/run-sluice-inbox.mount")

    def test_power(self):
        self.verify(BUILT / "sluiced-power.service")

    def test_node(self):
        self.verify(BUILT / "sluiced-node.service", ETC / "systemd/node/run-sluice-inbox.mount")

    def test_programs_are_where_they_will_be_installed(self):
        for name in self.WORST:
            text = (BUILT / name).read_text()
            self.assertNotIn("@", re.sub(r"@system-service", "", text))
            self.assertRegex(text, r"(?m)^ExecStart=/\S*/sluiced ")

    def test_hardening(self):
        for unit in self.take(*(BUILT / name for name in self.WORST)):
            code, said = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                             f"--threshold={self.WORST[unit.name]}", unit)
            self.assertEqual(code, 0, said)


@unittest.skipUnless(shutil.which("systemd-sysusers") and shutil.which("systemd-tmpfiles"),
                     "no systemd-sysusers here")
class UsersAndFolders(unittest.TestCase):
    def made_by(self, name):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n"
                                         "slurm:x:64030:64030::/:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\nslurm:x:64030:\n")
        for tool, arguments in (("sysusers", []), ("tmpfiles", ["--create"])):
            code, said = run(f"systemd-{tool}", f"--root={root}", *arguments,
                             ETC / f"{tool}.d" / name)
            self.assertEqual(code, 0, said)
        return root

    def test_controller(self):
        root = self.made_by("sluice.conf")
        user = re.search(r"^sluice:x:(\d+):", (root / "etc/passwd").read_text(), re.M)
        self.assertTrue(user)
        groups = (root / "etc/group").read_text()
        self.assertRegex(groups, r"(?m)^sluice:x:\d+:slurm$")
        self.assertRegex(groups, r"(?m)^sluice-admin:x:\d+:")
        status = (root / "run/sluice").stat()
        self.assertEqual((status.st_uid, status.st_mode & 0o7777), (int(user[1]), 0o755))

    def test_node(self):
        root = self.made_by("sluice-node.conf")
        self.assertRegex((root / "etc/passwd").read_text(), r"(?m)^sluice:x:\d+:")
        self.assertNotIn(":slurm\n", (root / "etc/group").read_text())
        status = (root / "run/sluice").stat()
        self.assertEqual((status.st_uid, status.st_mode & 0o7777), (0, 0o755))

    def test_inbox_options(self):
        """The mount's options do what the unit says, tried in a mount namespace of its own."""
        root = self.made_by("sluice.conf")
        unit = (ETC / "systemd/run-sluice-inbox.mount").read_text()
        options = re.search(r"(?m)^Options=(.*)$", unit)[1]
        where = root / "inbox"
        where.mkdir()
        code, said = run(
            "unshare", "--mount", "--propagation", "private", "sh", "-ec",
            f"mount --bind {root}/etc/passwd /etc/passwd\n"
            f"mount --bind {root}/etc/group /etc/group\n"
            f"mount -t tmpfs -o {options} tmpfs {where}\n"
            f"stat -c '%U %G %a' {where}; stat -f -c '%c' {where}; grep {where} /proc/mounts")
        self.assertEqual(code, 0, said)
        owner, inodes, mounted = said.splitlines()
        self.assertEqual((owner, inodes), ("slurm sluice 2770", "65536"))
        for option in ("nosuid", "nodev", "noexec", "size=262144k"):
            self.assertIn(option, mounted)


class WhatTheUnitsRelyOn(unittest.TestCase):
    def test_bad_configuration_is_not_retried(self):
        code, said = run(BUILD / "ctld/sluiced/sluiced", "--config", "/nonexistent/sluice.json")
        self.assertEqual(code, 78, said)
        for unit in BUILT.glob("*.service"):
            self.assertIn("RestartPreventExitStatus=78", unit.read_text())

    def test_notifications(self):
        """READY, WATCHDOG, RELOADING and STOPPING come as Type=notify and WatchdogSec= want."""
        manager = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        name = f"sluice-test-{os.getpid()}"
        manager.bind("\0" + name)
        manager.settimeout(10)

        def wait_for(state):
            while (got := manager.recv(256).decode()) != state:
                self.assertIn(got, ("READY=1", "WATCHDOG=1", "RELOADING=1", "STOPPING=1"))
        c = self.enterContext(SluiceCluster(
            nodes=1, plugins=("prep",), env={"NOTIFY_SOCKET": "@" + name},
            sluice=lambda c: {"inbox": str(c.layout.inbox), "socket": f"{c.layout.sluiced}/socket",
                              "journal": {"path": f"{c.layout.sluiced}/journal.db"},
                              "public_sinks": f"{c.layout.sluiced}/sinks"}))
        wait_for("READY=1")
        wait_for("WATCHDOG=1")
        c.signal("sluiced", signal.SIGHUP)
        wait_for("RELOADING=1")
        wait_for("READY=1")
        c.signal("sluiced", signal.SIGTERM)
        wait_for("STOPPING=1")
        self.assertEqual(c.wait_ended("sluiced"), 0)


if __name__ == "__main__":
    unittest.main()
