"""What users can put into a job, a record or a request: valid JSON arrives, or a clear refusal."""

import json
import os
import unittest

from harness import (SluiceCluster, accounted, ask_sluiced, assert_contract, eventually, settle)
from harness.contract import END, START, lines_of

HOSTILE = {
    "quotes": "a\"b'c\\d",
    "newlines": "a\nb\r\nc\ttab",
    "control": "\x01\x02\x1b[31mred\x7f",
    "json": '","data":{"job":null}}',
    "utf-8": "Grüße 日本 \U0001f680",
    "invalid utf-8": b"\xff\xfe\xc3(\xe2\x82 end".decode("utf-8", "surrogateescape"),
    "forged field": "x\nSLURM_JOB_ID=1\n@job_id=1",
    # Slurm takes 1,024 bytes at most; unit tests have the inbox's own bound of 64 KiB.
    "long": "x" * 1000,
    "long utf-8": "ü" * 500,
}

CLIENT = """
import contextlib, json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
with contextlib.suppress(OSError):  # cut off while sending: what was answered counts
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
with contextlib.suppress(OSError):
    for line in s.makefile():
        print(line, end="", flush=True)
"""


def visible(text):
    """As it may arrive: faithful, or each bad byte replaced."""
    return os.fsencode(text).decode("utf-8", "replace")


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        def sinks(c):
            def file(**more):
                return {"type": "file", "path": str(c.layout.sluiced / "other.jsonl"), **more}
            return {"bobs": file(allow={"users": ["bob"]}), "routed": file(public=False)}
        cls.c = cls.enterClassContext(SluiceCluster(
            sluice=accounted(sinks, socket=lambda c: str(c.layout.dir / "sluice.sock")),
            plugins=("prep", "spank", "jobcomp"), min_job_age=3600))
        cls.socket = cls.c.layout.dir / "sluice.sock"
        eventually(lambda: ask_sluiced(cls.socket, "ping"), 10, "sluiced")

    def settle(self):
        settle(self.c, path=self.socket)

    def events_of_job(self, job):
        return [e for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")
                if e["type"].startswith("s") and e["data"].get("job", {}).get("job_id") == job]

    def ended(self, job):
        eventually(lambda: any(e["type"] == END for e in self.events_of_job(job)), 30,
                   f"the end of job {job}")
        return self.events_of_job(job)

    def test_text_of_users(self):
        for name, text in HOSTILE.items():
            with self.subTest(text=name):
                work = self.c.layout.home("alice") / ("d" + visible(text)[:80].replace("/", "_"))
                self.c.run(["mkdir", "-p", str(work)], user="alice")
                job = self.c.sbatch(["-J", "sel" + text, f"--comment={text}", f"--chdir={work}",
                                     "--event-sink=mine"], user="alice")
                for event in self.ended(job):
                    about = event["data"]["job"]
                    self.assertEqual(about["user_name"], "alice")
                    self.assert_same(about["name"], "sel" + text)
                    self.assert_same(about["comment"], text)
                    self.assertEqual(about["current_working_directory"], str(work))
        self.settle()
        assert_contract(self, self.c)

    def assert_same(self, arrived, sent):
        """Whole and faithful but for bytes that are no UTF-8, which are replaced."""
        self.assertEqual(arrived.replace("\ufffd", ""), visible(sent).replace("\ufffd", ""))

    def test_sinks_they_may_not_use(self):
        for sink, reason in (("bobs", "user alice is not among the users sink bobs allows"),
                             ("routed", "sink routed may not be named with --event-sink"),
                             ("nosuch", "no sink is named nosuch")):
            with self.subTest(sink=sink):
                job = self.c.sbatch(["-J", "sel", f"--event-sink=mine,{sink}:start,end"])
                self.ended(job)
                self.assertEqual(self.c.job(job)["JobState"], "COMPLETED")
                refused = [e for e in self.events_of_job(job)
                           if e["type"] == "sluice.sink.refused"]
                self.assertEqual([e["data"]["reason"] for e in refused], [reason])
                letters = ask_sluiced(self.socket, "dead.list", sink=sink)["dead"]
                mine = [d for d in letters if d["subject"] == f"job/{job}"]
                self.assertEqual([d["type"] for d in mine], [START, END])
                self.assertIn(reason, mine[0]["reason"])
        self.assertFalse((self.c.layout.sluiced / "other.jsonl").exists() and
                         (self.c.layout.sluiced / "other.jsonl").read_text())
        allowed = self.c.sbatch(["-J", "plain", "--event-sink=bobs"], user="bob")
        self.ended(allowed)
        self.settle()
        self.assertIn(f'"job/{allowed}"', (self.c.layout.sluiced / "other.jsonl").read_text())
        (self.c.layout.sluiced / "other.jsonl").write_text("")

    def test_forged_variables(self):
        """A job's own environment cannot change where its events go."""
        forged = {"SPANK_EVENT_SINK": "bobs", "SPANK__SLURM_SPANK_OPTION_sluice_event_sink": "bobs",
                  "SLURM_SLUICE_EVENT_SINK": "1:bobs", "SLURM_JOB_USER": "bob", "SLURM_JOB_ID": "1"}
        job = self.c.sbatch(["-J", "plain"], env=forged)
        events = self.ended(job)
        self.assertEqual({e["data"]["job"]["user_name"] for e in events}, {"alice"})
        self.settle()
        assert_contract(self, self.c)
        self.assertNotIn(f'"job/{job}"', self.other())

    def other(self):
        path = self.c.layout.sluiced / "other.jsonl"
        return path.read_text() if path.exists() else ""

    def test_inbox_is_closed_to_users(self):
        inbox = str(self.c.layout.inbox)
        for command in (["touch", f"{inbox}/x"], ["ls", inbox], ["cat", f"{inbox}/gap"],
                        ["sh", "-c", f"echo gap > {inbox}/gap"]):
            with self.subTest(command=command):
                done = self.c.run(command, user="alice", check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("Permission denied", done.stderr)

    def says(self, lines, user="alice"):
        done = self.c.run(["/usr/bin/python3", "-c", CLIENT, str(self.socket)], user=user,
                          input=lines)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_requests_of_users(self):
        for op in ("status", "reload", "sweep", "metrics", "replay", "dead.list", "dead.drop",
                   "dead.retry"):
            with self.subTest(op=op):
                answer, = self.says(json.dumps({"op": op, "sink": "mine", "all": True}) + "\n")
                self.assertIn(f"may not {op}", answer["error"])
        answer, = self.says(json.dumps({"op": "emit", "type": "user.x", "data": 1}) + "\n")
        self.assertIn("is in no job of this host", answer["error"])

    def test_others_events_are_not_shown(self):
        job = self.c.sbatch(["-J", "secret"], user="bob")
        self.ended(job)
        told = self.says(json.dumps({"op": "tail", "user": "bob", "job": job}) + "\n")
        self.assertEqual([list(line) for line in told], [["sentinel"]])
        told = self.says(json.dumps({"op": "tail", "job": job}) + "\n", user="bob")
        self.assertGreater(len(told), 2)

    def test_garbage_on_the_socket(self):
        for lines in ("\n", "garbage\n", "[1]\n", '{"op": 1}\n', '{"op": "tail", "since": "x"}\n',
                      "{" * 10000 + "\n"):
            with self.subTest(lines=lines[:20]):
                answer = self.says(lines)
                self.assertIn("error", answer[0])
        self.assertIn("at most", self.says("x" * (600 << 10))[0]["error"])
        self.assertIn("pid", ask_sluiced(self.socket, "ping"))


if __name__ == "__main__":
    unittest.main()
