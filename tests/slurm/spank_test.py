"""spank_sluice.so on a real Slurm: the option, what reaches slurmctld, what nodes record.

No sluiced runs here: records stay in the inboxes, where they are read. SLUICE_ROOT names a root
(trixie, sid) whose Slurm to take instead of the system's; SLUICE_BUILD is then built for it.
"""

import contextlib
import json
import os
import re
import unittest

from harness import SluiceCluster, eventually

SINKS = """# sluice sinks 1
bus
only users=bob
hpc groups=hpc
numbers users=20002 groups=20100
star users=*
# a comment, and a line with a word of a later version

later since=2 users=alice
nobody users= groups=
"""


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


class Record:
    """One file of an inbox, as docs/formats.md has it."""

    def __init__(self, data):
        header, _, body = data.partition(b"\n")
        magic, self.kind, self.time_us, size, checksum = header.decode().split()
        assert magic == "SLUICE1" and int(size) == len(body), header
        assert int(checksum, 16) == fnv1a(body), header
        strings = [s.decode(errors="surrogateescape") for s in body.split(b"\0")[:-1]]
        self.fields = dict(s.split("=", 1) for s in strings)
        self.job = int(self.fields.get("@job_id") or self.fields["SLURM_JOB_ID"])

    def __getitem__(self, name):
        return self.fields.get(name)


class SpankTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = SluiceCluster(
            root=os.environ.get("SLUICE_ROOT"), nodes=3,
            scheduler_parameters="batch_sched_delay=0,bf_interval=1")
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.sinks = cls.cluster.dir / "sinks"

    def setUp(self):
        self.sinks.write_text(SINKS)
        self.plug()

    def plug(self, *arguments, inbox="%n/inbox", plugin="spank_sluice.so"):
        layout = self.cluster.layout
        layout.plugstack.write_text(" ".join([
            f"optional {layout.build}/spank/{plugin}", f"inbox={layout.dir}/{inbox}",
            f"sinks={self.sinks}", *arguments]) + "\n")

    def run_as(self, user, *argv, **options):
        return self.cluster.run(argv, user=user, check=False, **options)

    def submit(self, *options, script="true", user="alice", **more):
        return self.cluster.sbatch(options, script, user, **more)

    def finish(self, job, state="COMPLETED"):
        self.cluster.wait_job(job, (state,))

    def records(self, job, *folders):
        found = []
        for folder in folders or ("n0/inbox", "n1/inbox", "n2/inbox"):
            path = self.cluster.path(self.cluster.dir / folder)
            for name in sorted(os.listdir(path)):
                if not name.startswith(".") and name != "gap":
                    found.append(Record((path / name).read_bytes()))
        return [r for r in found if r.job == job]

    def recorded(self, job, *kinds):
        """The job's records, once there are these kinds of them and no others."""
        def there():
            records = self.records(job)
            return [r.kind for r in records] == list(kinds) and (records or True)
        found = eventually(there, 15, f"records {kinds} of job {job}")
        return found if kinds else []

    def told(self, job):
        """What slurmctld's hooks see of the option."""
        def started():
            return [r for r in self.records(job, "inbox") if r.kind == "start"]
        fields = eventually(started, 60, f"start of job {job}")[0].fields
        leaked = [n for n in fields if n.startswith("SPANK_") and n != "SPANK_EVENT_SINK"]
        self.assertEqual(leaked, [])
        return fields.get("SPANK_EVENT_SINK")

    def refused(self, user, value, words):
        for command in (["sbatch", "--wrap=true"], ["srun", "true"], ["salloc", "true"]):
            done = self.run_as(user, command[0], f"--event-sink={value}", *command[1:])
            self.assertNotEqual(done.returncode, 0, (command, value))
            self.assertIn(f"{command[0]}: error: sluice: --event-sink: ", done.stderr)
            self.assertIn(words, done.stderr)
            self.assertNotRegex(done.stdout + done.stderr, "[Jj]ob [0-9]+")

    # The option.

    def test_help(self):
        for command in ("sbatch", "salloc", "srun"):
            text = self.run_as("alice", command, "--help").stdout
            self.assertIn("--event-sink=NAME[:EVENT,...]", text)
            self.assertRegex(text, r"\[sluice\] send the job's events")

    def test_refuses_what_is_no_selection(self):
        self.refused("alice", "bus:bad", '"bad" after "bus:" is no event; events are start, end')
        self.refused("alice", "a b", '"a b" is no sink name')
        self.refused("alice", "", "it is empty")
        self.refused("alice", "x" * 1025, "longer than the 1024 bytes allowed")

    def test_refuses_unknown_and_forbidden_sinks(self):
        self.refused("alice", "nope", 'there is no sink "nope" for jobs to name; user alice may '
                                      "name bus, hpc, numbers, star, later")
        self.refused("alice", "bus,only:end", 'sink "only" is not for user alice; allowed are bus')
        self.refused("bob", "hpc", 'sink "hpc" is not for user bob; allowed are bus, only, numbers')
        self.refused("bob", "nobody", 'sink "nobody" is not for user bob')
        self.refused("bob", "later", "is not for user bob")

    def test_reaches_slurmctld(self):
        for user, value in (("alice", "bus"), ("alice", "bus:end,fail,hpc"), ("alice", "numbers"),
                            ("bob", "only,numbers"), ("bob", "star:all"), ("root", "only")):
            job = self.submit(f"--event-sink={value}", user=user)
            self.assertEqual(self.told(job), value)
        self.assertIsNone(self.told(self.submit()))

    def test_script_line_and_environment(self):
        job = self.submit(script="#!/bin/sh\n#SBATCH --event-sink=hpc:fail\ntrue\n")
        self.assertEqual(self.told(job), "hpc:fail")
        default = {"SLURM_SPANK__SLURM_SPANK_OPTION_sluice_event_sink": "bus"}
        self.assertEqual(self.told(self.submit(env=default)), "bus")
        self.assertEqual(self.told(self.submit("--event-sink=hpc", env=default)), "hpc")

    def test_no_list_warns_and_accepts(self):
        for content, why in ((None, "No such file"), ("bus\n", "its first line is not"),
                             ("# sluice sinks 1\n" + "x" * 2**20, "not a file of at most 1 MiB")):
            self.sinks.unlink()
            if content is not None:
                self.sinks.write_text(content)
            done = self.cluster.sbatch(["--event-sink=whatever"], user="alice", check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("sbatch: sluice: --event-sink is not checked: list of sinks "
                          f"{self.sinks}: {why}", done.stderr)
            self.assertEqual(self.told(int(done.stdout)), "whatever")
            self.sinks.touch()

    def test_components_have_their_own(self):
        first = self.submit("-n1", "--event-sink=bus", ":", "-n1", "--event-sink=hpc:end")
        second = self.submit("-n1", "--event-sink=bus", ":", "-n1")
        third = self.submit("-n1", ":", "-n1", "--event-sink=hpc")
        lines = self.submit(script="#!/bin/sh\n#SBATCH -n1 --event-sink=bus\n#SBATCH hetjob\n"
                                   "#SBATCH -n1\n#SBATCH hetjob\n#SBATCH -n1 --event-sink=hpc\n")
        self.assertEqual([self.told(first), self.told(first + 1)], ["bus", "hpc:end"])
        self.assertEqual([self.told(second), self.told(second + 1)], ["bus", None])
        self.assertEqual([self.told(third), self.told(third + 1)], [None, "hpc"])
        self.assertEqual([self.told(lines + i) for i in range(3)], ["bus", None, "hpc"])
        self.recorded(first, "launch", "exit")
        self.recorded(third)  # the script is the first component's
        done = self.run_as("alice", "srun", "-n1", "--event-sink=bus", ":", "-n1",
                           "sh", "-c", "echo $SLURM_JOB_ID")
        self.assertEqual(done.returncode, 0, done.stderr)
        step = int(done.stdout.split()[0])
        self.assertEqual([self.told(step), self.told(step + 1)], ["bus", None])

    def test_srun_and_salloc(self):
        done = self.run_as("alice", "srun", "--event-sink=bus", "printenv", "SLURM_JOB_ID")
        self.assertEqual(self.told(int(done.stdout)), "bus")
        done = self.run_as("alice", "salloc", "--event-sink=hpc", "sh", "-c",
                           "echo $SLURM_JOB_ID; srun true; sbatch --parsable --wrap=true")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("no effect", done.stderr)
        job, inner = map(int, done.stdout.split())
        self.assertEqual(self.told(job), "hpc")
        self.assertIsNone(self.told(inner))  # what is submitted in its shell has its own
        self.finish(inner)
        self.recorded(inner)

    def test_srun_inside_a_job_warns(self):
        done = self.run_as("alice", "salloc", "sh", "-c",
                           "echo $SLURM_JOB_ID; srun --event-sink=bus echo ran")
        self.assertEqual(done.returncode, 0, done.stderr)
        job = done.stdout.split()[0]
        self.assertIn("ran", done.stdout)
        self.assertIn(f"srun: error: sluice: --event-sink=bus has no effect inside job {job}",
                      done.stderr)
        self.assertIsNone(self.told(int(job)))

    def test_srun_inside_a_job_changes_nothing(self):
        steps = ("step_start", "step_end")
        inside = "echo $SLURM_JOB_ID; srun --event-sink=hpc:step true"
        for option, seen in ((), None), (["--event-sink=bus:step"], "bus:step"):
            for which in ("sink", "all"):
                self.plug(f"steps={which}")
                done = self.run_as("alice", "salloc", *option, "sh", "-c", inside)
                self.assertIn("has no effect inside job", done.stderr)
                records = self.recorded(int(done.stdout.split()[0]),
                                        *(steps if option or which == "all" else ()))
                self.assertEqual([r["@selection"] for r in records], [seen] * len(records))
        self.plug("steps=sink")
        default = {"SLURM_SPANK__SLURM_SPANK_OPTION_sluice_event_sink": "hpc"}
        job = self.submit("--event-sink=bus:step", env=default, script="srun true")
        self.finish(job)
        self.assertEqual([r["@selection"] for r in self.recorded(job, *steps)], ["bus:step"] * 2)

    def test_steps_with_little_environment(self):
        steps = ("step_start", "step_end")
        self.plug("steps=sink")
        for export in ("NONE", "ALL,WORD=1", "WORD=1"):
            # With --export newer Slurm fetches the user's login environment, and holds the job if it
            # cannot: nobody has one here.
            if self.cluster.version < (26, 5):
                job = self.submit(f"--export={export}", "--event-sink=bus:launch,exit,step",
                                  script="srun /bin/true")
                self.finish(job)
                self.recorded(job, "launch", *steps, "exit")
            job = self.submit("--event-sink=bus:step", script=f"srun --export={export} /bin/true")
            self.finish(job)
            self.recorded(job, *steps)
            done = self.run_as("alice", "srun", f"--export={export}", "--event-sink=bus:step",
                               "/usr/bin/printenv", "SLURM_JOB_ID")
            self.recorded(int(done.stdout), *steps)

    # What a node records.

    def test_launch_and_exit(self):
        uid = 20001
        for script, state, how in (("exit 0", "COMPLETED", {"@exit_code": "0"}),
                                   ("exit 3", "FAILED", {"@exit_code": "3"}),
                                   ("kill -9 $$", "FAILED", {"@signal": "9", "@core_dumped": "0"})):
            job = self.submit("-w", "n1", "-J", "na me", "--event-sink=bus", script=script)
            self.finish(job, state)
            launch, end = self.recorded(job, "launch", "exit")
            for record in (launch, end):
                wanted = {"@step_id": "-5", "@uid": str(uid), "@gid": str(uid), "@node": "n1",
                          "@restart": "0", "SLURM_JOB_ID": str(job), "SLURM_JOB_NAME": "na me",
                          "SLURM_JOB_NODELIST": "n1", "SLURM_JOB_PARTITION": "main",
                          "SLURM_CLUSTER_NAME": "sluice",
                          "SLURM_SUBMIT_DIR": str(self.cluster.layout.home("alice"))}
                self.assertLessEqual(wanted.items(), record.fields.items())
                self.assertNotIn("@array_job_id", record.fields)
                self.assertGreater(int(record["@pid"]), 1)
            self.assertEqual(launch["@tasks"], "1")
            ways = ("@exit_code", "@signal", "@core_dumped")
            self.assertEqual({w: end[w] for w in ways if end[w] is not None}, how)
            self.assertTrue(all(launch[w] is None for w in ways))

    def test_array_and_requeue(self):
        job = self.submit("-a", "3,5", "--event-sink=bus", script="exit $SLURM_ARRAY_TASK_ID")
        def both():
            ends = [r for n in ("n0", "n1", "n2") for r in self.of_array(n, job)]
            return len(ends) == 2 and ends
        ends = eventually(both, 30, "two exits")
        self.assertEqual(sorted((r["@array_task_id"], r["@exit_code"]) for r in ends),
                         [("3", "3"), ("5", "5")])
        job = self.submit("--requeue", "--event-sink=bus", script="[ $SLURM_RESTART_COUNT ] || "
                          "{ scontrol requeue $SLURM_JOB_ID; sleep 60; }")
        def second():
            return [r["@restart"] for r in self.records(job) if r.kind == "exit"][-1:] == ["1"]
        with contextlib.suppress(TimeoutError):  # a requeued job waits before it starts again
            eventually(second, 5)
            return
        self.assertEqual([r["@restart"] for r in self.records(job)], ["0", "0"])
        self.assertEqual(self.records(job)[-1]["@signal"], "15")
        self.cluster.run(["scancel", job])

    def of_array(self, node, array):
        path = self.cluster.path(self.cluster.layout.node(node) / "inbox")
        records = [Record((path / name).read_bytes()) for name in os.listdir(path)
                   if name[0] != "."]
        return [r for r in records if r["@array_job_id"] == str(array) and r.kind == "exit"]

    def test_only_what_is_asked_for(self):
        jobs = {value: self.submit(*([f"--event-sink={value}"] if value else []))
                for value in ("", "bus:end,fail", "bus:launch", "bus:end,hpc:exit")}
        for job in jobs.values():
            self.finish(job)
        self.recorded(jobs["bus:launch"], "launch")
        self.recorded(jobs["bus:end,hpc:exit"], "exit")
        self.recorded(jobs["bus:end,fail"])
        self.recorded(jobs[""])

    def test_jobs_all(self):
        self.plug("jobs=all")
        job = self.submit(script="srun true")
        self.finish(job)
        self.recorded(job, "launch", "exit")

    def test_steps(self):
        script = "srun -n2 --overcommit sh -c 'exit $((SLURM_PROCID * 4))'\nsrun true\ntrue"
        options = ("-n2", "-w", "n2")
        self.plug("steps=all")
        job = self.submit(*options, script=script)
        self.finish(job)
        start, end, _, _ = self.recorded(job, "step_start", "step_end", "step_start", "step_end")
        self.assertEqual([start["@step_id"], start["@tasks"], start["@exit_code"]],
                         ["0", "2", None])
        self.assertEqual([end["@step_id"], end["@tasks"], end["@exit_code"]], ["0", "2", "4"])
        self.plug("steps=sink")
        steps = ["step_start", "step_end"] * 2
        for option, kinds in (("bus:step", steps), ("bus:all", ["launch", *steps, "exit"]),
                              ("bus", ["launch", "exit"])):
            job = self.submit(*options, f"--event-sink={option}", script=script)
            self.finish(job)
            self.recorded(job, *kinds)
        done = self.run_as("alice", "srun", "--event-sink=bus:step", "sh", "-c",
                           "echo $SLURM_JOB_ID; sleep .2; kill -9 $$")
        end = self.recorded(int(done.stdout), "step_start", "step_end")[1]
        self.assertEqual(end["@signal"], "9")
        done = self.run_as("alice", "salloc", "--event-sink=bus:step", "sh", "-c",
                           "echo $SLURM_JOB_ID; srun true")
        self.recorded(int(done.stdout.split()[0]), "step_start", "step_end")
        # A job's own selection goes with the job, not with what it submits.
        job = self.submit(*options, "--event-sink=bus:step",
                          script="sbatch --parsable --wrap 'srun -n1 true' > inner")
        self.finish(job)
        inner = int((self.cluster.layout.home("alice") / "inner").read_text())
        self.finish(inner)
        self.recorded(inner)

    def test_slurmd_starts_sluiced(self):
        started = self.cluster.dir / "started"
        program = self.cluster.dir / "sluiced.sh"
        program.write_text(f"""#!/usr/bin/python3 -IS
import json, os, sys, time
status = dict(line.split(":\\t") for line in open("/proc/self/status"))
seen = dict(argv=sys.argv, environ=dict(os.environ), cwd=os.getcwd(), parent=os.getppid(),
            leader=os.getsid(0) == os.getpid(), session=os.getsid(0),
            blocked=int(status["SigBlk"], 16), ignored=int(status["SigIgn"], 16),
            fds={{fd: os.readlink(f"/proc/self/fd/{{fd}}") for fd in range(64)
                  if os.path.exists(f"/proc/self/fd/{{fd}}")}})
json.dump(seen, open("{started}.new", "w"))
os.rename("{started}.new", "{started}")
time.sleep(1000)
""")
        self.plug(f"start_sluiced={program}")
        self.cluster.terminate("slurmd-n2")
        self.cluster.start_slurmd("n2")
        def log():
            return "start_sluiced" in (self.cluster.layout.log / "slurmd-n2.log").read_text()
        eventually(log, 10, "complaint about a program that cannot be run")
        content = program.read_text()
        program.write_text("no program\n")
        program.chmod(0o755)
        self.cluster.terminate("slurmd-n2")
        self.cluster.start_slurmd("n2")
        eventually(lambda: "Exec format error" in
                   (self.cluster.layout.log / "slurmd-n2.log").read_text(), 10,
                   "complaint about a program that is none")
        program.write_text(content)
        self.cluster.terminate("slurmd-n2")
        self.cluster.start_slurmd("n2")
        eventually(started.exists)
        seen = json.loads(started.read_text())
        self.assertEqual(seen["argv"], [str(program), "--role", "node"])
        self.assertEqual(seen["fds"], dict.fromkeys("012", "/dev/null"))
        self.assertEqual((seen["cwd"], seen["blocked"], seen["leader"]), ("/", 0, False))
        # Python itself ignores SIGPIPE and SIGXFSZ.
        self.assertEqual(seen["ignored"] & ~(1 << 12 | 1 << 24), 0)
        slurmd = self.cluster.pid_of("slurmd-n2")
        self.assertNotIn(slurmd, (seen["parent"], seen["session"]))
        self.assertEqual(seen["environ"]["SLURMD_NODENAME"], "n2")
        self.assertEqual(seen["environ"]["SLURM_CONF"], str(self.cluster.layout.slurm_conf))
        # It outlives slurmd, and slurmd's end is not held up by it.
        self.cluster.terminate("slurmd-n2")
        self.assertTrue(any(str(program) in arguments
                            for arguments in self.cluster.processes().values()))
        self.plug()
        self.cluster.start_slurmd("n2")

    # What goes wrong harms no job.

    def test_hostile_values(self):
        name = "quote\" 'new\nline\x01\udcff" + "n" * 3000
        job = self.submit("--event-sink=bus", env={
            "SLURM_JOB_NAME": name, "SLURM_CLUSTER_NAME": "x" * 100000, "@job_id": "1",
            "SLURM_JOB_QOS": "x" * 60000})
        self.finish(job)
        launch, _ = self.recorded(job, "launch", "exit")
        self.assertNotIn("SLURM_JOB_QOS", launch.fields)  # nobody fills a node's inbox with that
        self.assertEqual(launch["SLURM_CLUSTER_NAME"], "sluice")
        forged = {"_SLURM_SPANK_OPTION_sluice_event_sink": "bus,,::\x1b" + "x" * 5000,
                  "SLURM_SLUICE_EVENT_SINK": "1:bus:step", "SPANK_EVENT_SINK": "only",
                  "SLURM_SPANK_EVENT_SINK": "only"}
        job = self.submit(env=forged, script="srun true")
        self.finish(job)
        self.assertIsNone(self.told(job))
        self.recorded(job)

    def test_bad_arguments_are_named(self):
        self.plug("bogus=1", "jobs=some", "steps=", "sinks=relative", "inbox=/x/%q", "word")
        done = self.cluster.sbatch(["--event-sink=bus"], user="alice", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for argument, problem in (("bogus=1", "is unknown"), ("jobs=some", "must be sink or all"),
                                  ("steps=", "must be off, sink or all"), ("word", "is no key"),
                                  ("sinks=relative", "must be an absolute path"),
                                  ("inbox=/x/%q", "must be an absolute path")):
            said = [line for line in done.stderr.splitlines() if f'"{argument}"' in line]
            self.assertEqual(len(said), 1, done.stderr)
            self.assertIn(f'sluice: plugstack.conf: argument "{argument}" {problem}', said[0])
            self.assertIn("allowed are inbox=PATH", said[0])
        job = int(done.stdout)
        self.finish(job)
        self.recorded(job, "launch", "exit")  # the good arguments hold

    def test_no_inbox(self):
        self.plug(inbox="nowhere/%n")
        job = self.submit("--event-sink=bus", script="srun true; exit 3")
        self.finish(job, "FAILED")
        self.assertEqual(self.cluster.job(job)["ExitCode"], "3:0")
        self.cluster.terminate("slurmd-n0")
        self.cluster.start_slurmd("n0")
        def said():
            return re.findall(r"error: sluice: inbox (\S+): No such file or directory; this node "
                              "reports no launch",
                              (self.cluster.layout.log / "slurmd-n0.log").read_text())
        self.assertEqual(eventually(said), [f"{self.cluster.dir}/nowhere/n0"])

    def test_plugin_missing_on_the_node(self):
        job = self.submit("--hold", "--event-sink=bus", script="srun true; exit 3")
        self.plug(plugin="missing.so")
        self.cluster.run(["scontrol", "release", job])
        self.finish(job, "FAILED")
        self.assertEqual(self.cluster.job(job)["ExitCode"], "3:0")
        self.recorded(job)
        self.assertIn(self.cluster.run(["sinfo", "-h", "-o", "%T"]).stdout.split()[0],
                      ("idle", "mixed"))


if __name__ == "__main__":
    unittest.main()
