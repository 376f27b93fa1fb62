"""A webhook that fails in every way: nothing is lost, nothing blocks, order holds."""

import json
import unittest
from collections import defaultdict

from harness import Receiver, SluiceCluster, accounted, ask_sluiced, eventually, settle, socket_of
from harness.contract import END, START, lines_of

EVER = float("inf")
HOUR_MS = 3_600_000


class Sinks(unittest.TestCase):
    def setUp(self):
        self.hook = self.enterContext(Receiver())
        self.start()

    def start(self, **of_hook):
        def sinks(c):
            return {"hook": {"type": "webhook", "url": self.hook.url, "timeout_s": 2, **of_hook}}
        self.c = SluiceCluster(
            sluice=accounted(sinks, routes=[{"pattern": {"type": [{"prefix": "slurm.job."}]},
                                             "sinks": ["every", "hook"]}]),
            nodes=1, min_job_age=3600)
        self.clock = self.c.layout.sluiced / "clock"
        self.c.sluiced_env = {"SLUICE_CLOCK_OFFSET_FILE": self.clock}
        self.offset_ms = 0
        self.enterContext(self.c)
        eventually(lambda: self.ask("ping"), 10, "sluiced")
        eventually(lambda: self.looks() > 0, 10, "its first look at the receiver")

    def reconfigured(self, **of_hook):
        config = self.c.sluice(self.c)
        config["sinks"]["hook"].update(of_hook)
        self.c.write_sluice_json(config)
        looks = self.looks()
        self.ask("reload")
        # The new sink's look at its receiver must not use up what the receiver is told to do next.
        if "url" not in of_hook:
            eventually(lambda: self.looks() > looks, 10, "the reload")

    def ask(self, op, **arguments):
        return ask_sluiced(socket_of(self.c), op, **arguments)

    def advance(self, ms):
        self.offset_ms += ms
        self.clock.write_text(str(self.offset_ms))

    def jobs(self, count, name="job"):
        return [self.c.sbatch(["-J", name]) for _ in range(count)]

    def state(self):
        return self.ask("status")["sinks"]["hook"]

    def looks(self):
        return sum(r.method == "OPTIONS" for r in self.hook.requests)

    def posts(self):
        return [r for r in self.hook.requests if r.method == "POST"]

    def taken(self):
        return [r.json() for r in self.posts() if r.answered == 200]

    def wait_ended(self, jobs):
        """Until the end of each job is in the other sink."""
        def ended():
            events = [e for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")]
            return set(jobs) <= {e["data"]["job"]["job_id"] for e in events if e["type"] == END}
        eventually(ended, 30, f"the ends of {jobs} in the file sink")

    def assert_accounted(self, dead=0):
        """What the file sink has the webhook has, in order per job, and nothing else."""
        settle(self.c, sinks=("every", "mine", "hook"))
        there = {e["id"] for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")}
        taken = self.taken()
        self.assertEqual(len(there) - dead, len({e["id"] for e in taken}))
        self.assertLessEqual({e["id"] for e in taken}, there)
        per_job = defaultdict(list)
        for e in taken:
            if e["id"] not in [x["id"] for x in per_job[e["subject"]]]:
                per_job[e["subject"]].append(e)
        for subject, events in per_job.items():
            types = [e["type"] for e in events]
            self.assertIn(types, ([START, END], [END]), subject)
        self.assertEqual(self.state()["dead"], dead)

    def test_errors_then_recovery(self):
        for how in ({"status": 500}, {"status": 503}, {"mode": "garbage"}, {"mode": "reset"},
                    {"mode": "close"}, {"status": 404}, {"status": 301}):
            with self.subTest(**how):
                self.hook.misbehave(times=3, **how)
                self.wait_ended(self.jobs(3))
                eventually(lambda: (self.advance(5_000), self.state()["queued"] == 0)[1], 30,
                           "all is delivered")
                self.assert_accounted()
        self.assertGreater(len(self.posts()), len(self.taken()))

    def test_hanging_receiver_times_out(self):
        self.hook.misbehave(times=2, mode="hang")
        self.wait_ended(self.jobs(4))
        self.assert_accounted()

    def test_slow_receiver_loses_nothing(self):
        self.hook.misbehave(times=10, delay=0.5, status=200)
        self.wait_ended(self.jobs(10))
        self.assert_accounted()
        self.assertEqual(len(self.taken()), 20)  # slow is not failed: no repeats

    def test_retry_after_is_honoured(self):
        self.reconfigured(in_flight=1)
        self.hook.misbehave(times=1, status=429, headers={"Retry-After": 4})
        self.wait_ended(self.jobs(3))
        eventually(lambda: len(self.posts()) > 1, 20, "the next try")
        first, second = self.posts()[:2]
        self.assertEqual(first.answered, 429)
        self.assertGreaterEqual(second.at - first.at, 4)
        self.assert_accounted()

    def test_gone_disables_until_reload(self):
        self.reconfigured(in_flight=1)
        rule = self.hook.misbehave(times=EVER, status=410)
        self.wait_ended(self.jobs(3))
        eventually(lambda: self.state()["state"] == "disabled", 10, "disabled")
        self.advance(10 * HOUR_MS)
        self.wait_ended(self.jobs(1))
        self.assertEqual(len(self.posts()), 1)
        self.assertEqual(self.state()["queued"], 8)
        self.hook.forgive(rule)
        self.ask("reload")
        self.assert_accounted()

    def test_reload_recalls_what_was_ready_for_the_old_place(self):
        self.reconfigured(in_flight=4)
        self.hook.misbehave(times=EVER, delay=1.5, status=200)
        self.wait_ended(self.jobs(8))
        eventually(lambda: self.state()["queued"] >= 8, 10, "events that wait")
        before = len(self.posts())
        eventually(lambda: len(self.posts()) > before, 10, "a call under way")
        before = len(self.posts())
        other = self.enterContext(Receiver())
        self.reconfigured(url=other.url, in_flight=4)
        eventually(lambda: self.state()["queued"] == 0, 20, "all is delivered")
        # The others of those four, and none of those that were signed and waited behind them.
        self.assertLessEqual(len(self.posts()) - before, 3)
        there = {e["id"] for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")}
        taken = [e["id"] for e in self.taken()] + [r.json()["id"] for r in other.requests
                                                   if r.method == "POST"]
        self.assertEqual(sorted(taken), sorted(there))

    def test_a_look_at_it_finds_what_is_down(self):
        self.assertEqual(self.ask("probe")["sinks"], {"every": None, "mine": None, "hook": None})
        self.hook.down()
        found = self.ask("probe")["sinks"]
        self.assertIn("127.0.0.1", found["hook"])
        self.assertIsNone(found["every"])
        doctor = self.c.run([f"{self.c.layout.build}/common/sluice", "doctor", "--json", "--config",
                             self.c.sluice_json], env={"SLUICE_SOCKET": socket_of(self.c)},
                            check=False)
        told = {f["check"]: f["health"] for f in json.loads(doctor.stdout)["findings"]}
        self.assertEqual((told["sink.hook"], told["sink.every"]), ("error", "ok"), doctor.stdout)

    def test_down_for_hours(self):
        self.hook.down()
        jobs = self.jobs(5)
        self.wait_ended(jobs)
        eventually(lambda: self.state()["state"] == "down", 10, "the sink is seen down")
        for _ in range(8):
            before = self.state()["retried"]
            self.advance(HOUR_MS)
            eventually(lambda: self.state()["retried"] > before, 20, "a try each hour")
        self.assertEqual((self.state()["queued"], self.state()["dead"]), (10, 0))
        self.hook.up()
        self.advance(HOUR_MS)
        self.assert_accounted()

    def test_given_up_after_give_up_hours_and_retried_by_hand(self):
        self.reconfigured(give_up_hours=2)
        self.hook.down()
        self.wait_ended(self.jobs(1))
        for _ in range(2):
            self.advance(3 * HOUR_MS)
            eventually(lambda: (self.advance(60_000), self.state()["queued"] == 0)[1], 30,
                       "the events are given up")
        letters = self.ask("dead.list", sink="hook")["dead"]
        self.assertEqual([d["type"] for d in letters], [START, END])
        self.assertIn("gave up after 2 h", letters[0]["reason"])
        self.hook.up()
        self.reconfigured(give_up_hours=72)
        self.assertEqual(self.ask("dead.retry", sink="hook")["retried"], 2)
        self.assert_accounted()

    def test_poisoned_event_blocks_nobody(self):
        def is_poison(request):
            return b'"poison"' in request.body and START.encode() in request.body
        rule = self.hook.misbehave(times=EVER, status=500, matching=is_poison)
        poisoned, = self.jobs(1, name="poison")
        self.wait_ended([poisoned])
        # What comes after it is delivered while it is tried again and again…
        for _ in range(40):
            good = self.jobs(1)
            self.wait_ended(good)
            eventually(lambda: [e for e in self.taken() if e["type"] == END and
                                e["data"]["job"]["job_id"] == good[0]], 20, "a good job's end")
            if self.state()["dead"]:
                break
            # …and its own job's later events wait for it.
            self.assertNotIn(f"job/{poisoned}", [e["subject"] for e in self.taken()])
            self.advance(60_000)
        letter, = self.ask("dead.list", sink="hook")["dead"]
        self.assertEqual((letter["type"], letter["subject"]), (START, f"job/{poisoned}"))
        self.assertIn("500", letter["reason"])
        eventually(lambda: [e for e in self.taken() if e["subject"] == f"job/{poisoned}"], 20,
                   "the end of the poisoned job")
        self.assert_accounted(dead=1)
        self.hook.forgive(rule)
        self.ask("dead.retry", sink="hook")
        eventually(lambda: self.state()["queued"] == 0 and self.state()["dead"] == 0, 20,
                   "the letter is delivered")

    def test_refused_event_is_a_dead_letter_at_once(self):
        self.hook.misbehave(times=1, status=422, body=b"no such field")
        self.wait_ended(self.jobs(1))
        eventually(lambda: self.state()["dead"] == 1, 20, "a dead letter")
        letter, = self.ask("dead.list", sink="hook")["dead"]
        self.assertIn("422: no such field", letter["reason"])
        self.assert_accounted(dead=1)

    def test_killed_while_the_receiver_was_down(self):
        self.hook.down()
        self.wait_ended(self.jobs(3))
        self.c.kill9("sluiced")
        self.c.start_sluiced(self.c.sluice_json, env=self.c.sluiced_env)
        self.hook.up()
        eventually(lambda: self.ask("ping"), 10, "sluiced")
        self.assert_accounted()


if __name__ == "__main__":
    unittest.main()
