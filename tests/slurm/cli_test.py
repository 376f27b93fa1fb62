"""The `sluice` command and libsluice.so on a real Slurm, against the real sluiced.

One controller with sluiced, and node n0 with a sluiced of its own: jobs run there.
"""
import json
import os
import signal
import subprocess
import threading
import unittest

from harness import SluiceCluster, eventually, events_of

BURST = 20


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = SluiceCluster(sluice=cls.controller, plugins=("prep", "spank", "jobcomp"), nodes=1)
        cls.addClassCleanup(cls.c.stop)
        cls.c.start()
        d = cls.c.layout.dir
        # The list of public sinks is left out on purpose: what sbatch would refuse is to reach
        # sluiced here.
        cls.c.layout.plugstack.write_text(
            f"optional {cls.c.layout.build}/spank/spank_sluice.so inbox={d}/%n/inbox "
            f"sinks={d}/no-such-list socket={d}/%n/sluice.sock\n")
        cls.node_json = cls.c.layout.etc / "node.json"
        cls.node_json.write_text(json.dumps({
            "inbox": f"{d}/n0/inbox", "socket": f"{d}/n0/sluice.sock",
            "controllers": [f"127.0.0.1:{cls.listen(cls.c)}"], "node_name": "n0",
            "munge_socket": str(cls.c.layout.munge_socket),
            "emit": {"burst": BURST, "per_minute": 1}}))
        cls.c.start_sluiced(cls.node_json, node="n0")
        eventually(lambda: cls.sluice("status", "--json").returncode == 0)
        eventually(lambda: cls.sluice("status", socket=f"{d}/n0/sluice.sock").returncode == 0)

    @staticmethod
    def listen(c):
        return c.port + 3 + c.config.nodes  # of the cluster's own block, and nobody else's

    @staticmethod
    def controller(c):
        return {
            "inbox": str(c.layout.inbox),
            "journal": {"path": str(c.layout.sluiced / "journal.db")},
            "socket": str(c.layout.dir / "sluice.sock"),
            "public_sinks": str(c.layout.dir / "sinks"),
            "munge_socket": str(c.layout.munge_socket),
            "listen": f"127.0.0.1:{Cli.listen(c)}",
            "sinks": {
                "log": {"type": "file", "path": str(c.layout.sluiced / "log.jsonl")},
                "late": {"type": "file", "path": str(c.layout.sluiced / "late.jsonl")},
                "ops": {"type": "file", "path": str(c.layout.sluiced / "ops.jsonl"),
                        "allow": {"users": ["bob"]}},
            },
        }

    @classmethod
    def program(cls, name="common/sluice"):
        return f"{cls.c.layout.build}/{name}"

    @classmethod
    def sluice(cls, *arguments, user="root", socket=None, **options):
        socket = socket or cls.c.layout.dir / "sluice.sock"
        return cls.c.run([cls.program(), *arguments], user=user, check=False,
                         env={"SLUICE_SOCKET": socket}, **options)

    def good(self, *arguments, **options):
        done = self.sluice(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.good(*arguments, "--json", **options))

    def events(self, sink, job, type=None):
        path = self.c.path(self.c.layout.sluiced / f"{sink}.jsonl")
        return [e for e in events_of(path) if self.is_of(job, e)
                and (type is None or e["type"] == type)]

    @staticmethod
    def is_of(job, event):
        return event["subject"].split("/")[:2] == ["job", str(job)]

    def tail(self, *arguments, **options):
        lines = self.good("tail", "--json", *arguments, **options).splitlines()
        return [json.loads(line) for line in lines]

    def run_job(self, script, user="alice", sink="log"):
        """The job's id and its output, once it has ended and its end is at the sink."""
        out = self.c.layout.home(user) / "out"
        job = self.c.sbatch([f"--event-sink={sink}", f"--output={out}"], script, user)
        self.c.wait_job(job, ("COMPLETED", "FAILED"))
        if sink == "log":
            eventually(lambda: self.events(sink, job, "slurm.job.end"), 20)
        return job, out.read_text()

    # Asking.

    def test_status(self):
        text = self.good("status")
        self.assertRegex(text, r"controller of cluster sluice\n")
        self.assertRegex(text, r"log +up +\d+ ")
        status = self.json("status")
        self.assertEqual(status["role"], "controller")
        self.assertEqual(set(status["sinks"]), {"log", "late", "ops"})
        self.assertEqual(self.json("--json", "status")["pid"], status["pid"])

    def test_who_may_ask(self):
        for command in ("status", "metrics", "sweep", "reload", "dead list", "replay log"):
            done = self.sluice(*command.split(), user="alice")
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("only root and members of the admin group may", done.stderr)
        refused = self.sluice("status", "--json", user="alice")
        self.assertIn("only root", json.loads(refused.stdout)["error"])

    def test_no_daemon(self):
        done = self.sluice("--socket", "/nowhere/sock", "status")
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot reach sluiced at /nowhere/sock: no sluiced serves it", done.stderr)

    def test_usage(self):
        for line in ("", "nonsense", "dead retry", "tail --since yesterday", "emit",
                     "emit user.x {broken", "config check --role neither"):
            self.assertEqual(self.sluice(*line.split()).returncode, 2, line)
        self.assertIn("doctor", self.good("--help"))

    def test_metrics_and_sweep(self):
        self.assertIn("# TYPE sluice_events_total counter", self.good("metrics"))
        before = self.json("status")["sweeps"]
        self.assertEqual(self.json("sweep"), {"sweep": 1})
        eventually(lambda: self.json("status")["sweeps"] > before, 20)

    # Emitting.

    def test_emit_inside_a_job(self):
        emit = self.program() + " emit"
        job, out = self.run_job(
            f"{emit} user.progress '{{\"step\": 12}}'; echo code $?\n"
            f"echo '[1, \"two\"]' | srun {emit} --json user.list -; echo code $?\n"
            f"{emit} user.bare; echo code $?\n"
            f"{emit} slurm.job.end; echo code $?\n")
        self.assertIn(f"user.progress of job {job} is in the controller's journal\ncode 0\n", out)
        self.assertRegex(out, rf'"job_id":{job},.*"committed":true.*\ncode 0\n')
        self.assertIn("must be user.NAME", out)
        self.assertTrue(out.endswith("code 1\n"), out)
        values = {e["type"]: e["data"]["value"] for e in self.events("log", job)
                  if e["type"].startswith("user.")}
        self.assertEqual(values, {"user.progress": {"step": 12}, "user.list": [1, "two"],
                                  "user.bare": None})
        # Whose they are decides who sees them.
        self.assertEqual({e["event"]["type"] for e in self.tail("--job", job, user="alice")[:-1]},
                         {e["type"] for e in self.events("log", job)})
        self.assertEqual([list(e) for e in self.tail("--job", job, user="bob")], [["sentinel"]])
        self.assertEqual([list(e) for e in self.tail("--job", job, "--user", "alice", user="bob")],
                         [["sentinel"]])
        self.assertRegex(self.good("tail", "--job", job, "--type", "user.p"),
                         rf'^20\S+Z  user.progress +job/{job} +alice \S+  {{"step":12}}\n$')

    def test_emit_outside_a_job(self):
        for socket in (None, self.c.layout.dir / "n0" / "sluice.sock"):
            done = self.sluice("emit", "user.x", user="alice", socket=socket)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is in no job of this host", done.stderr)

    def test_emit_for_anothers_job(self):
        # Root's job, and in it a process that is alice's: the event would be root's.
        job, out = self.run_job(
            f"setpriv --reuid alice --clear-groups {self.program()} emit user.forged; echo code $?\n",
            user="root")
        eventually(lambda: self.events("log", job, "slurm.job.end"))
        self.assertRegex(out, rf"job {job} is user 0's: user 20001 may not emit for it\ncode 1\n")
        self.assertEqual(self.events("log", job, "user.forged"), [])

    def test_flood_is_refused(self):
        _, out = self.run_job(
            f"for i in $(seq {BURST + 5}); do {self.program()} emit user.flood $i; done 2>&1",
            user="bob")
        self.assertEqual(out.count("is in the controller's journal"), BURST)
        self.assertEqual(out.count(f"too many events: at most 1 a minute and {BURST} at once"), 5)

    def test_kept_while_the_controller_is_away(self):
        job = self.c.sbatch(["--event-sink=log", f"--output={self.c.layout.home('alice')}/kept"],
                            f"sleep 3; {self.program()} emit user.kept 1; echo code $?", "alice")
        eventually(lambda: self.events("log", job, "slurm.job.start"))
        self.c.terminate("sluiced")
        try:
            self.c.wait_job(job)
            out = (self.c.layout.home("alice") / "kept").read_text()
            self.assertIn("kept on this node", out)
            self.assertIn("code 4\n", out)
        finally:
            self.c.start_sluiced(self.c.sluice_json)
        eventually(lambda: self.events("log", job, "user.kept"), 20)

    def test_c_program(self):
        job, out = self.run_job(f"{self.program('tests/c_abi_emit')} user.c '{{\"from\": \"C\"}}'")
        self.assertEqual(out, f"0 job {job}: the event is in the controller's journal\n")
        self.assertEqual(self.events("log", job, "user.c")[0]["data"]["value"], {"from": "C"})
        outside = self.c.run([self.program("tests/c_abi_emit"), "user.c", "1"], user="alice",
                             env={"SLUICE_SOCKET": self.c.layout.dir / "sluice.sock"}, check=False)
        self.assertRegex(outside.stdout, r"^3 .*is in no job of this host")

    # Following.

    def test_follow_across_a_restart(self):
        lines = []
        child = self.c.popen([self.program(), "--socket", self.c.layout.dir / "sluice.sock", "tail",
                              "--last", "0", "-f", "--json", "--type", "slurm.job."], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        reader = threading.Thread(
            target=lambda: lines.extend(json.loads(line) for line in child.stdout))
        reader.start()

        def ended(job):
            return [e for e in lines if "event" in e and e["event"]["type"] == "slurm.job.end"
                    and e["event"]["subject"] == f"job/{job}"]
        eventually(lambda: lines and "sentinel" in lines[0])
        first, _ = self.run_job("true")
        eventually(lambda: ended(first))
        self.c.terminate("sluiced")
        missed = self.c.sbatch(["--event-sink=log"], "true")
        self.c.wait_job(missed)
        self.c.start_sluiced(self.c.sluice_json)
        second, _ = self.run_job("true")
        for job in (missed, second):
            eventually(lambda: ended(job), 20)
        pid = [p for p, a in self.c.processes().items()
               if os.path.basename(a[0]) == "sluice" and "-f" in a]
        self.c.kill_pid(pid[0], signal.SIGINT)
        self.assertEqual(child.wait(10), 0)
        reader.join(10)
        self.assertIn("waiting for it", child.stderr.read())
        sequence = [e["seq"] for e in lines if "event" in e]
        self.assertEqual(sequence, sorted(set(sequence)))
        self.assertEqual(len([e for e in lines if "sentinel" in e]), 1)

    def test_last_counts_what_passes(self):
        mine, _ = self.run_job("true", user="alice")
        self.run_job("true", user="bob")
        last = self.tail("--last", "2", user="alice")
        self.assertEqual(len(last), 3)
        self.assertTrue(all(self.is_of(mine, e["event"]) for e in last[:-1]), last)
        self.assertEqual(self.tail("--last", "0", "--since", "1h")[0].keys(), {"sentinel"})
        self.assertGreater(len(self.tail("--since", "1h")), 3)

    # Mending.

    def test_replay(self):
        job, _ = self.run_job("true")
        self.assertEqual(self.events("late", job), [])
        told = self.good("replay", "late", "--job", job, "--type", "slurm.job.")
        count = len(self.tail("--job", job, "--type", "slurm.job.")) - 1
        self.assertEqual(told, f"{count} events queued for sink late\n")
        eventually(lambda: len(self.events("late", job)) == count)
        self.assertIn("no sink is named", self.sluice("replay", "nope").stderr)

    def test_dead_letters(self):
        job, _ = self.run_job("true", sink="ops,log")
        eventually(lambda: self.events("log", job, "slurm.job.end"))
        letters = [d for d in self.json("dead", "list", "--sink", "ops")["dead"]
                   if d["subject"] == f"job/{job}"]
        self.assertGreaterEqual(len(letters), 2)
        self.assertIn("user alice is not among the users sink ops allows", letters[0]["reason"])
        self.assertTrue(all(d["refused"] for d in letters))
        self.assertRegex(self.good("dead", "list"), rf"ops +slurm.job.start +job/{job} ")
        # Nothing but its number sends what the administrator's own list has refused.
        stay = " were refused and stay; name one with --seq to send it all the same\n"
        self.assertRegex(self.good("dead", "retry", "--sink", "ops"),
                         f"^0 dead letters retried\n[0-9]+{stay}$")
        stray, _ = self.run_job("true", sink="nosuch,log")
        eventually(lambda: self.events("log", stray, "slurm.job.end"))
        strays = self.json("dead", "list", "--sink", "nosuch")["dead"]
        not_there = " are for sinks that are not configured, and stay\n"
        self.assertRegex(self.good("dead", "retry", "--all"),
                         f"^0 dead letters retried\n[0-9]+{stay}[0-9]+{not_there}$")
        self.assertEqual(self.good("dead", "retry", "--seq", strays[0]["seq"]),
                         f"0 dead letters retried\n1{not_there}")
        self.assertIn('no sink is named "nosuch"',
                      self.sluice("dead", "retry", "--sink", "nosuch").stderr)
        self.assertEqual(self.events("ops", job), [])
        self.assertEqual(self.good("dead", "retry", "--seq", letters[0]["seq"]),
                         "1 dead letters retried\n")
        eventually(lambda: [e["id"] for e in self.events("ops", job)] == [letters[0]["id"]])
        self.assertGreaterEqual(self.json("dead", "drop", "--sink", "ops")["dropped"], 1)
        self.assertEqual(self.json("dead", "list", "--sink", "ops"), {"dead": []})

    # Configuring.

    def test_reload(self):
        self.addCleanup(self.c.write_sluice_json, self.c.sluice)
        self.assertEqual(self.good("reload"), "the configuration was reloaded\n")
        bad = dict(self.controller(self.c), sinks={"log": {"type": "carrier-pigeon"}})
        self.c.write_sluice_json(bad)
        done = self.sluice("reload")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'sinks.log.type: "carrier-pigeon".*configuration before stays')

    def test_config_check(self):
        self.assertIn("usable for the controller role, 3 sinks",
                      self.good("config", "check", self.c.sluice_json))
        self.assertIn("usable for the node role",
                      self.good("--config", self.node_json, "config", "check", "--role", "node"))
        bad = self.c.layout.etc / "bad.json"
        bad.write_text(json.dumps({
            "inbox": "relative", "log_level": "loud", "surprise": 1,
            "sinks": {"end": {"type": "file", "path": "/x"}, "web": {"type": "webhook"}}}))
        done = self.sluice("config", "check", bad)
        self.assertEqual(done.returncode, 1)
        for line in ('inbox: "relative": must be an absolute path',
                     'log_level: "loud": must be one of "debug", "info", "warning", "error"',
                     'surprise: 1: ', "sinks.web.url: ", 'sinks.end: "end": is an event'):
            self.assertIn(f"{bad}: {line}", done.stdout)
        told = json.loads(self.sluice("config", "check", bad, "--json").stdout)
        self.assertFalse(told["usable"])
        self.assertIn({"severity": "error", "path": "inbox", "value": '"relative"',
                       "allowed": "must be an absolute path"}, told["problems"])

    def test_doctor(self):
        doctor = ("doctor", "--config", self.c.sluice_json)
        self.good("reload")
        told = self.json(*doctor)
        health = {f["check"]: f["health"] for f in told["findings"]}
        for check in ("config", "slurm.conf", "slurmctld", "hook.prep", "hook.inbox", "hook.jobcomp",
                      "hook.spank", "inbox.rights", "inbox.tmpfs", "inbox.room", "sluiced", "sweep",
                      "sink.log", "munge"):
            self.assertEqual(health.get(check), "ok", (check, told))
        # Sinks that sbatch does not know of: this cluster's plugstack.conf names no such list.
        self.assertEqual(health["hook.sinks"], "warning")
        self.assertRegex(self.good(*doctor), r"ok +hook.prep +\S+prep_sluice.so is loaded\n")
        # Who may not read the configuration is told so, and no untruths.
        alice = json.loads(self.sluice(*doctor, "--json", user="alice").stdout)
        self.assertTrue(alice["healthy"], alice)
        node = self.json("doctor", "--role", "node", "--config", self.node_json,
                         socket=self.c.layout.dir / "n0" / "sluice.sock")
        self.assertIn(("controller", "ok"), [(f["check"], f["health"]) for f in node["findings"]])
        self.c.terminate("sluiced")
        try:
            done = self.sluice(*doctor)
        finally:
            self.c.start_sluiced(self.c.sluice_json)
            eventually(lambda: self.sluice("status").returncode == 0)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"error +sluiced .*\n +-> systemctl status sluiced")


if __name__ == "__main__":
    unittest.main()
