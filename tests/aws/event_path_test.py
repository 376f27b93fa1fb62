"""Real jobs' events at EventBridge, SQS and SNS: moto's, which check every signature."""

import json
import signal
import unittest
from collections import Counter

from harness import Moto, SluiceCluster, accounted, ask_sluiced, eventually, settle, socket_of
from harness.contract import lines_of

SINKS = ("bus", "queue", "topic")


class EventPath(unittest.TestCase):
    def setUp(self):
        self.aws = self.enterContext(Moto(check_signatures=True))
        self.queues = {name: self.queue(name) for name in SINKS}
        topic = self.aws.cli("sns", "create-topic", "--name", "jobs")["TopicArn"]
        self.aws.cli("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs",
                     "--notification-endpoint", self.queues["topic"][1],
                     "--attributes", "RawMessageDelivery=true")

        def sinks(c):
            return {"bus": {"type": "eventbridge", "bus": "hpc", "endpoint": self.aws.url},
                    "queue": {"type": "sqs", "url": self.queues["queue"][0]},
                    "topic": {"type": "sns", "topic": topic, "endpoint": self.aws.url}}
        self.c = SluiceCluster(sluice=accounted(sinks), nodes=1, min_job_age=3600,
                               plugins=("prep", "spank", "jobcomp"))
        self.c.sluiced_env = {**self.aws.environment(), "SLUICE_CLOCK_OFFSET_FILE":
                              self.c.layout.sluiced / "clock"}
        self.enterContext(self.c)
        eventually(lambda: self.ask("ping"), 10, "sluiced")
        self.offset_ms = 0

    def ask(self, op, **arguments):
        return ask_sluiced(socket_of(self.c), op, **arguments)

    def queue(self, name):
        url = self.aws.cli("sqs", "create-queue", "--queue-name", name)["QueueUrl"]
        return url, self.aws.cli("sqs", "get-queue-attributes", "--queue-url", url,
                                 "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]

    def create_bus(self):
        self.aws.cli("events", "create-event-bus", "--name", "hpc")
        self.aws.cli("events", "put-rule", "--event-bus-name", "hpc", "--name", "all",
                     "--event-pattern", json.dumps({"source": ["pcluster.cluster",
                                                               {"prefix": "pcluster."}]}))
        self.aws.cli("events", "put-targets", "--event-bus-name", "hpc", "--rule", "all",
                     "--targets", json.dumps([{"Id": "1", "Arn": self.queues["bus"][1]}]))

    def read(self, name):
        """Every message that lies in the sink's queue."""
        url, out = self.queues[name][0], []
        while True:
            got = self.aws.cli("sqs", "receive-message", "--queue-url", url,
                               "--max-number-of-messages", 10).get("Messages", [])
            if not got:
                return [json.loads(m["Body"]) for m in out]
            for message in got:
                self.aws.cli("sqs", "delete-message", "--queue-url", url, "--receipt-handle",
                             message["ReceiptHandle"])
            out += got

    def events(self):
        return [e for _, e in lines_of(self.c.layout.sluiced / "every.jsonl")
                if e["type"].startswith("slurm.job.")]

    def later(self):
        self.offset_ms += 60_000
        (self.c.layout.sluiced / "clock").write_text(str(self.offset_ms))
        return all(self.ask("status")["sinks"][s]["queued"] == 0 for s in SINKS)

    def test_every_event_once_and_none_swallowed_by_a_missing_bus(self):
        asked = ["--event-sink=bus,queue,topic", "-o", "/dev/null"]
        self.c.sbatch([*asked, "-J", 'a "name"\nü'])
        self.c.sbatch([*asked, "--array=0-7"])
        held = self.c.sbatch([*asked, "--hold"])
        self.c.run(["scancel", held])
        eventually(lambda: len(self.events()) == 2 + 16 + 1, 60, "the events in the file sink")
        eventually(lambda: self.ask("status")["sinks"]["queue"]["queued"] == 0, 20, "SQS took all")
        bus = self.ask("status")["sinks"]["bus"]
        self.assertEqual((bus["state"], bus["queued"]), ("down", 19))
        self.assertIn("create the bus", bus["problem"])
        # A bus that has no rule yet swallows events as well: sluiced must not find it so.
        self.c.signal("sluiced", signal.SIGSTOP)
        self.create_bus()
        self.c.signal("sluiced", signal.SIGCONT)
        eventually(self.later, 30, "all is delivered")
        settle(self.c, sinks=("every", "mine", *SINKS))

        there = {e["id"]: e for e in self.events()}
        for name in ("queue", "topic"):
            got = self.read(name)
            self.assertEqual(Counter(e["id"] for e in got), Counter(list(there)), name)
            for event in got:
                self.assertEqual(event, there[event["id"]], name)
        got = self.read("bus")
        self.assertEqual(Counter(g["detail"]["SLUICE_EVENT_ID"] for g in got),
                         Counter(list(there)))
        kinds = Counter(g["detail-type"] for g in got)
        self.assertEqual(kinds, {"pcluster_job_start": 9, "pcluster_job_end": 9,
                                 "slurm.job.cancelled": 1})
        first = next(g for g in got if g["detail-type"] == "pcluster_job_start"
                     and g["detail"]["SLURM_JOB_NAME"] == 'a "name"\nü')
        self.assertEqual(first["detail"]["SLURM_JOB_USER"], "alice")


if __name__ == "__main__":
    unittest.main()
