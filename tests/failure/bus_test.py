"""An EventBridge that refuses single entries, and credentials that run out.

The endpoint is a receiver of ours that answers as EventBridge does: moto refuses nothing.
"""

import json
import unittest
from collections import Counter

from harness import Receiver, SluiceCluster, accounted, ask_sluiced, eventually, settle, socket_of
from harness.contract import lines_of

EVER = float("inf")
BUS = "arn:aws:events:eu-central-1:123456789012:event-bus/hpc"
START_TYPE, END_TYPE = "pcluster_job_start", "pcluster_job_end"


class EventBus:
    """Answers PutEvents and DescribeEventBus; refuses what it is told to."""

    def __init__(self):
        self.taken = []       # (request number, detail type, detail) in order
        self.refused = []     # the same
        self.requests = 0
        self.refuses = lambda detail_type, detail: None  # an ErrorCode
        self.expired = lambda authorization: False

    def __call__(self, request):
        if self.expired(request.headers["authorization"]):
            return 400, json.dumps({"__type": "ExpiredTokenException",
                                    "message": "The security token has expired"}).encode()
        if request.headers["x-amz-target"] == "AWSEvents.DescribeEventBus":
            return 200, json.dumps({"Name": "hpc", "Arn": BUS}).encode()
        self.requests += 1
        results = []
        for entry in request.json()["Entries"]:
            detail = json.loads(entry["Detail"])
            code = self.refuses(entry["DetailType"], detail)
            seen = (self.requests, entry["DetailType"], detail)
            (self.refused if code else self.taken).append(seen)
            results.append({"ErrorCode": code, "ErrorMessage": "no"} if code else
                           {"EventId": f"{len(self.taken)}"})
        failed = sum("ErrorCode" in r for r in results)
        return 200, json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()


class Bus(unittest.TestCase):
    def setUp(self):
        self.bus = EventBus()
        self.server = self.enterContext(Receiver())
        self.server.misbehave(times=EVER, reply=self.bus)

        def sinks(c):
            return {"bus": {"type": "eventbridge", "bus": "hpc", "region": "eu-central-1",
                            "endpoint": self.server.url, "profile": "events", "timeout_s": 2}}
        self.c = SluiceCluster(
            sluice=accounted(sinks, routes=[{"pattern": {"type": [{"prefix": "slurm.job."}]},
                                             "sinks": ["every", "bus"]}]),
            nodes=1, min_job_age=3600)
        self.clock = self.c.layout.sluiced / "clock"
        self.credentials = self.c.layout.etc / "credentials"
        self.c.sluiced_env = {"SLUICE_CLOCK_OFFSET_FILE": self.clock,
                              "AWS_SHARED_CREDENTIALS_FILE": self.credentials,
                              "AWS_EC2_METADATA_DISABLED": "true"}
        self.offset_ms = 0

    def start(self, key="AKIDFIRST"):
        self.credentials.parent.mkdir(parents=True, exist_ok=True)
        self.write_key(key)
        self.enterContext(self.c)
        eventually(lambda: ask_sluiced(socket_of(self.c), "ping"), 10, "sluiced")

    def write_key(self, key):
        self.credentials.write_text(
            f"[events]\naws_access_key_id = {key}\naws_secret_access_key = secret\n"
            "aws_session_token = token\n")

    def state(self):
        return ask_sluiced(socket_of(self.c), "status")["sinks"]["bus"]

    def advance(self, ms=60_000):
        self.offset_ms += ms
        self.clock.write_text(str(self.offset_ms))

    def array(self, tasks):
        """Runs an array to its end; its events are in the other sink."""
        job = self.c.sbatch([f"--array=0-{tasks - 1}", "-o", "/dev/null"])
        eventually(lambda: len(self.events()) == 2 * tasks, 60, f"the events of job {job}")
        return job

    def events(self):
        return [e for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")]

    def delivered(self):
        eventually(lambda: (self.advance(), self.state()["queued"] == 0)[1], 30,
                   "all is delivered")

    def assert_each_once(self, dead=()):
        """The bus took what the file sink has, but for the dead, and nothing twice."""
        settle(self.c, sinks=("every", "mine", "bus"))
        taken = Counter(detail["SLUICE_EVENT_ID"] for _, _, detail in self.bus.taken)
        self.assertEqual(set(taken.values()), {1}, taken.most_common(3))
        self.assertEqual(set(taken) | set(dead), {e["id"] for e in self.events()})
        self.assertEqual(self.state()["dead"], len(dead))

    def test_a_throttled_entry_waits_alone_and_its_job_with_it(self):
        self.start()
        self.server.down()
        job = self.array(12)
        victim = f"{job}_3"
        tries = []

        def refuses(detail_type, detail):
            task = f'{detail["SLURM_ARRAY_JOB_ID"]}_{detail["SLURM_ARRAY_TASK_ID"]}'
            if task == victim and detail_type == START_TYPE and len(tries) < 4:
                tries.append(self.bus.requests)
                return "ThrottlingException"
            return None
        self.bus.refuses = refuses
        self.server.up()
        eventually(lambda: (self.advance(2_000), self.state()["queued"] <= 2)[1], 30,
                   "all others are delivered")
        self.delivered()
        self.assert_each_once()
        self.assertEqual(len(self.bus.refused), 4)
        # Others were in the same request as the refused entry, and stayed taken.
        first = self.bus.refused[0][0]
        self.assertGreater(len([t for t in self.bus.taken if t[0] == first]), 0)
        # The task's end came only after its start had been taken.
        mine = [kind for _, kind, d in self.bus.taken if d["SLURM_ARRAY_TASK_ID"] == "3"]
        self.assertEqual(mine, [START_TYPE, END_TYPE])
        self.assertGreater(next(n for n, k, d in self.bus.taken
                                if k == END_TYPE and d["SLURM_ARRAY_TASK_ID"] == "3"), tries[-1])

    def test_a_malformed_entry_is_a_dead_letter_and_the_rest_goes_on(self):
        self.start()
        self.server.down()
        self.array(6)
        bad = next(e for e in self.events() if e["type"] == "slurm.job.start"
                   and e["data"]["job"]["array_task_id"] == 2)
        self.bus.refuses = (lambda kind, detail: "MalformedDetail"
                            if detail["SLUICE_EVENT_ID"] == bad["id"] else None)
        self.server.up()
        self.delivered()
        self.assert_each_once(dead=[bad["id"]])
        letter, = ask_sluiced(socket_of(self.c), "dead.list", sink="bus")["dead"]
        self.assertIn("MalformedDetail", letter["reason"])
        self.bus.refuses = lambda kind, detail: None
        ask_sluiced(socket_of(self.c), "dead.retry", sink="bus")
        self.delivered()
        self.assert_each_once()

    def test_expired_credentials_are_fetched_anew(self):
        self.bus.expired = lambda authorization: "AKIDFIRST" in authorization
        self.start()
        self.array(4)
        eventually(lambda: self.state()["state"] == "down", 20, "the sink is seen down")
        self.assertIn("ExpiredToken", self.state()["problem"])
        self.assertEqual((self.bus.taken, self.state()["queued"]), ([], 8))
        self.write_key("AKIDSECOND")
        self.delivered()
        self.assert_each_once()


if __name__ == "__main__":
    unittest.main()
