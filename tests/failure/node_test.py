"""Nodes and their sluiced failing, the controller's out of reach, and a takeover."""

import json
import time
import unittest

from crash.load import all_over
from harness import (Contract, SluiceCluster, accounted, ask_sluiced, assert_contract, eventually,
                     settle, socket_of)
from harness.contract import END, START, lines_of

LAUNCH, EXIT = "slurm.job.launch", "slurm.job.exit"


def listen(c, host=0):
    return f"127.0.0.1:{c.port + 1 + c.config.controllers + c.config.nodes + host}"


def start_node(c, node="n0", controllers=(0,)):
    path = c.layout.etc / f"sluice.{node}.json"
    path.write_text(json.dumps({
        "inbox": str(c.layout.node(node) / "inbox"),
        "socket": str(c.layout.node(node) / "sluice.sock"),
        "controllers": [listen(c, host) for host in controllers],
        "munge_socket": str(c.layout.munge_socket),
        "node_name": node}))
    c.start_sluiced(path, node=node)
    eventually(lambda: ask_sluiced(c.layout.node(node) / "sluice.sock", "ping"), 10,
               f"the sluiced of {node}")


class Nodes(unittest.TestCase):
    def setUp(self):
        self.c = self.enterContext(SluiceCluster(sluice=accounted(listen=listen),
                                                 min_job_age=3600))
        eventually(lambda: ask_sluiced(socket_of(self.c), "ping"), 10, "sluiced")

    def start_node(self):
        start_node(self.c)

    def jobs(self, count=2, node="n0", events="all"):
        return [self.c.sbatch(["-J", "sel", f"--event-sink=mine:{events}", f"-w{node}"], "exit 2")
                for _ in range(count)]

    def types_of(self, job):
        return [e["type"] for _, e in lines_of(self.c.layout.sluiced / "mine.jsonl")
                if e["data"]["job"]["job_id"] == job]

    def wait_types(self, jobs, *types):
        eventually(lambda: all(set(types) <= set(self.types_of(j)) for j in jobs), 40,
                   f"{types} of {jobs}")

    def kept(self, node="n0"):
        return [n for n in self.c.inbox_records(node) if n not in ("gap", "bad")]

    def checked(self):
        all_over(self.c)
        settle(self.c)
        return assert_contract(self, self.c)

    def test_controllers_sluiced_is_down(self):
        self.start_node()
        self.c.kill9("sluiced")
        jobs = self.jobs()
        all_over(self.c)
        eventually(lambda: len(self.kept()) == 4, 20, "records kept on the node")
        self.c.start_sluiced(self.c.sluice_json)
        self.wait_types(jobs, LAUNCH, EXIT, START, END)
        eventually(lambda: not self.kept(), 10, "an empty inbox on the node")
        log = (self.c.layout.log / "sluiced-n0.out").read_text()
        self.assertEqual(log.count("records are kept on this node"), 1)
        self.checked()

    def test_nodes_sluiced_is_killed_and_absent(self):
        self.start_node()
        self.c.kill9("sluiced-n0")
        jobs = self.jobs()
        all_over(self.c)
        self.wait_types(jobs, START, END)  # slurmctld's own do not need the node
        self.assertEqual(len(self.kept()), 4)
        self.start_node()
        self.wait_types(jobs, LAUNCH, EXIT)
        contract = self.checked()
        exits = [e for e in contract.first.values() if e["type"] == EXIT]
        self.assertEqual([e["data"]["exit_code"] for e in exits], [2, 2])

    def test_flushes_when_it_is_stopped(self):
        """What lies in the inbox when SIGTERM comes is with the controller when it has ended."""
        jobs = self.jobs(10)
        all_over(self.c)
        self.assertEqual(len(self.kept()), 20)
        self.start_node()
        self.assertEqual(self.c.terminate("sluiced-n0"), 0)
        self.assertEqual(self.kept(), [])
        self.wait_types(jobs, LAUNCH, EXIT)
        self.checked()

    def test_plugin_missing_on_a_node(self):
        """Its plugstack.conf names a plugin that is not there: jobs run, slurmctld's events come."""
        stack = self.c.layout.plugstack
        stack.write_text("optional /nowhere/spank_sluice.so\n")
        self.c.run(["scontrol", "reconfigure"])
        job = self.c.sbatch(["-J", "plain", "-wn1"], "exit 2")
        all_over(self.c)
        settle(self.c)
        contract = assert_contract(self, self.c)
        self.assertEqual([e["type"] for e in contract.by_job[job]], [START, END])
        self.assertEqual(self.c.run(["sinfo", "-hN", "-nn1", "-o%T"]).stdout.strip(), "idle")

    def test_node_terminated_before_it_flushed(self):
        """Its records are gone with it; start and end are there all the same."""
        jobs = self.jobs()
        all_over(self.c)
        for name in self.kept():
            self.c.path(self.c.layout.node("n0") / "inbox" / name).unlink()
        self.start_node()
        self.wait_types(jobs, START, END)
        self.checked()

    def test_a_record_that_is_refused_holds_up_nobody(self):
        """A start can only come from slurmctld: one in a node's inbox goes, the others arrive."""
        self.c.kill9("sluiced")
        jobs = self.jobs()
        all_over(self.c)
        start = next(n for n in self.c.inbox_records() if n not in ("gap", "bad"))
        content = self.c.path(self.c.layout.inbox / start).read_bytes()
        self.assertIn(b"SLUICE1 start ", content)
        self.c.path(self.c.layout.node("n0") / "inbox" / start).write_bytes(content)
        self.c.start_sluiced(self.c.sluice_json)
        self.start_node()
        self.wait_types(jobs, LAUNCH, EXIT, START, END)
        eventually(lambda: not self.kept(), 10, "an empty inbox on the node")
        log = (self.c.layout.log / "sluiced.out").read_text()
        self.assertEqual(log.count("cannot come from a node; refused"), 1)
        self.checked()

    def test_stranger_cannot_forward(self):
        """Batches without root's or SlurmUser's credential are refused."""
        host, port = listen(self.c).split(":")
        script = ("import socket,struct;s=socket.create_connection(('%s',%s),5);"
                  "[s.sendall(struct.pack('>I',len(b))+b) for b in (b'no credential',b'{}')];"
                  "s.settimeout(5);print(len(s.recv(4096)))" % (host, port))
        self.c.run(["/usr/bin/python3", "-c", script], user="alice", check=False)
        self.checked_is_alive()

    def checked_is_alive(self):
        self.start_node()
        jobs = self.jobs(1)
        self.wait_types(jobs, LAUNCH, EXIT, START, END)
        self.checked()


class Takeover(unittest.TestCase):
    def test_nodes_go_to_the_one_in_charge(self):
        """The other would keep their runs open, and take them for lost one day."""
        c = self.enterContext(SluiceCluster(
            sluice=accounted(listen=listen), nodes=1, controllers=2, min_job_age=3600))
        eventually(lambda: ask_sluiced(socket_of(c), "ping"), 10, "sluiced")
        self.second_host(c, listen=lambda c: listen(c, 1))
        eventually(lambda: "stands by" in (c.layout.log / "sluiced2.out").read_text(), 20,
                   "the second sluiced to see that it stands by")
        start_node(c, controllers=(1, 0))
        job = c.sbatch(["-J", "sel", "--event-sink=mine:all"])
        c.wait_job(job)
        eventually(lambda: {LAUNCH, EXIT} <= {
            e["type"] for _, e in lines_of(c.layout.sluiced / "mine.jsonl")}, 20,
            "the node's events at the first host")
        self.assertEqual([*lines_of(c.layout.dir / "second" / "every.jsonl")], [])
        settle(c)
        assert_contract(self, c)

    def test_before_the_takeover_nothing_is_made_up(self):
        """A host whose slurmctld still stands by can ask nobody about what nodes tell."""
        c = self.enterContext(SluiceCluster(
            sluice=accounted(listen=listen), nodes=1, controllers=2, min_job_age=3600,
            slurm_conf=("SlurmctldTimeout=30",)))
        eventually(lambda: ask_sluiced(socket_of(c), "ping"), 10, "sluiced")
        self.second_host(c, listen=lambda c: listen(c, 1), slurm_wait_s=1)
        start_node(c, controllers=(0, 1))
        ends = c.sbatch(["-J", "sel", "--event-sink=mine:all"],
                        "until [ -e go ]; do sleep 0.1; done")
        job = c.sbatch(["-J", "plain"], f"""
            until [ -e go ]; do sleep 0.1; done
            SLUICE_SOCKET={c.layout.node("n0")}/sluice.sock {c.layout.build}/common/sluice \
                emit user.late 1
            sleep 600""")
        for each in (ends, job):
            c.wait_job(each, ["RUNNING"])
        settle(c)
        self.saved(c, job)
        second = c.layout.dir / "second"
        c.kill9("slurmctld")
        c.kill9("sluiced")  # the whole host
        before = (c.layout.log / "sluiced2.out").read_text()
        (c.layout.home("alice") / "go").touch()
        node_log = c.layout.log / "sluiced-n0.out"
        eventually(lambda: "records are kept on this node" in node_log.read_text(), 20,
                   "the node to keep what no controller takes")
        eventually(lambda: "in charge now" in
                   (c.layout.log / "sluiced2.out").read_text()[len(before):], 60, "the takeover")
        self.assertEqual(c.run(["squeue"], check=False).returncode, 0, "its slurmctld stands by")

        def told():
            return [e for _, e in lines_of(second / "every.jsonl")]
        c.run(["scancel", str(job)])
        eventually(lambda: [e["type"] for e in told()].count(END) == 2, 60, "both ends")
        eventually(lambda: not [n for n in c.inbox_records("n0") if n not in ("gap", "bad")], 30,
                   "the node's records to be taken")
        eventually(lambda: ask_sluiced(second / "sluice.sock", "status")["waiting"] == 0, 20, "")
        first = {e["id"] for _, e in lines_of(c.layout.sluiced / "every.jsonl")
                 if e["type"] == START}
        self.assertLessEqual({e["id"] for e in told() if e["type"] == START}, first)
        self.assertNotIn("slurm.job.lost", [e["type"] for e in told()])
        emitted = c.run([f"{c.layout.build}/common/sluice", "tail", "--json", "--last", 9,
                         "--type", "user.late"],
                        env={"SLUICE_SOCKET": second / "sluice.sock"}).stdout
        self.assertEqual(emitted.count('"user.late"'), 1, emitted)

    def test_repeats_keep_their_ids(self):
        c = self.enterContext(SluiceCluster(
            sluice=accounted(), nodes=1, controllers=2, min_job_age=3600,
            slurm_conf=("SlurmctldTimeout=10",)))
        eventually(lambda: ask_sluiced(socket_of(c), "ping"), 10, "sluiced")
        self.second_host(c)
        before = [c.sbatch(["-J", "plain"]) for _ in range(3)]
        long = c.sbatch(["-J", "plain"], "sleep 600")
        for job in before:
            c.wait_job(job)
        c.wait_job(long, ["RUNNING"])
        settle(c)
        self.saved(c, long)
        c.kill9("slurmctld")
        c.kill9("sluiced")  # the whole host
        c.wait_until(lambda: "is primary" in self.ping(c) or
                     c.run(["squeue", "-h"], check=False).returncode == 0, 60, "the takeover")
        after = c.sbatch(["-J", "plain"])
        c.wait_job(after)
        c.run(["scancel", str(long)])
        all_over(c)
        socket = c.layout.dir / "second" / "sluice.sock"

        def ended():
            ask_sluiced(socket, "sweep")
            events = [e for _, e in lines_of(c.layout.dir / "second" / "every.jsonl")]
            over = {e["data"]["job"]["job_id"] for e in events if e["type"] == END}
            return {*before, long, after} <= over
        eventually(ended, 60, "all ends at the second host's sinks")
        first, second = (self.by_key(c.layout.dir / folder / "every.jsonl")
                         for folder in ("sluiced", "second"))
        repeats = first.keys() & second.keys()
        self.assertGreaterEqual(len(repeats), 7)  # three starts and ends, the long job's start
        for key in repeats:
            self.assertEqual(first[key], second[key], key)
        ids = {}
        for key, id in [*first.items(), *second.items()]:
            self.assertEqual(ids.setdefault(id, key), key)
        # Together they hold the contract.
        whole = Contract(c)
        for raw, event in lines_of(c.layout.dir / "second" / "every.jsonl"):
            if event["id"] not in whole.first and event["type"].startswith("slurm.job."):
                whole.first[event["id"]] = event
                whole.by_job[event["data"]["job"]["job_id"]].append(event)
        whole.check_known()
        whole.check_forgotten()
        self.assertEqual(whole.complaints, [])

    @staticmethod
    def saved(c, job):
        """Until slurmctld has saved its state with the job in it."""
        before = time.time()
        c.run(["scontrol", "update", f"JobId={job}", "Comment=something to save"])
        c.wait_until(lambda: (c.layout.state / "job_state").stat().st_mtime > before, 30,
                     "slurmctld saved its jobs")

    @staticmethod
    def ping(c):
        return c.run(["scontrol", "ping"], check=False).stdout

    @staticmethod
    def by_key(path):
        """{(job, start time, type): id}"""
        return {(e["data"]["job"]["job_id"], e["data"]["job"]["start_time"], e["type"]): e["id"]
                for _, e in lines_of(path) if e["type"] in (START, END)}

    @staticmethod
    def second_host(c, **more):
        """The backup's slurmctld with an inbox of its own, and its sluiced."""
        folder = c.layout.dir / "second"
        inbox = folder / "inbox"
        c.run(["mkdir", "-p", str(inbox)])
        conf = c.layout.controller_conf(1)
        conf.write_text(conf.read_text().replace(f"sluice_inbox={c.layout.inbox}",
                                                 f"sluice_inbox={inbox}"))
        c.kill9("slurmctld2")
        c.start_slurmctld(index=1)
        config = accounted(**more)(c)
        text = json.dumps(config).replace(str(c.layout.sluiced), str(folder))
        path = c.layout.etc / "second.json"
        path.write_text(text.replace(str(c.layout.inbox), str(inbox)))
        from cluster import daemons
        c.start_daemon("sluiced2", daemons.sluiced(c.layout, path), hostname="ctl1")
        eventually(lambda: ask_sluiced(folder / "sluice.sock", "ping"), 10, "the second sluiced")


if __name__ == "__main__":
    unittest.main()
