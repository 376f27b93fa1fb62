"""The EventBridge, SQS and SNS sinks against moto, which checks their signatures.

What arrived is read back from SQS queues by the aws command, which is not ours.
"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

from harness import Moto

sys.path.insert(0, str(Path(__file__).parent))
from probe import check, event, send, verdicts  # noqa: E402


class OnMoto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.aws = Moto(check_signatures=True).start()
        cls.addClassCleanup(cls.aws.stop)

    def queue(self, name, fifo=False):
        attributes = ["--attributes", "FifoQueue=true"] if fifo else []
        url = self.aws.cli("sqs", "create-queue", "--queue-name", name, *attributes)["QueueUrl"]
        arn = self.aws.cli("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names",
                           "QueueArn")["Attributes"]["QueueArn"]
        return url, arn

    def read(self, url, count):
        out = []
        while len(out) < count:
            got = self.aws.cli("sqs", "receive-message", "--queue-url", url,
                               "--max-number-of-messages", 10, "--attribute-names", "All",
                               "--message-attribute-names", "All").get("Messages", [])
            if not got:
                break
            for message in got:
                self.aws.cli("sqs", "delete-message", "--queue-url", url, "--receipt-handle",
                             message["ReceiptHandle"])
            out += got
        return out

    def environment(self, **more):
        return {**self.aws.environment(), **more}

    def bus(self, name, queue_arn):
        self.aws.cli("events", "create-event-bus", "--name", name)
        self.aws.cli("events", "put-rule", "--event-bus-name", name, "--name", f"all-{name}",
                     "--event-pattern", json.dumps({"source": ["pcluster.testcluster"]}))
        self.aws.cli("events", "put-targets", "--event-bus-name", name, "--rule", f"all-{name}",
                     "--targets", json.dumps([{"Id": "1", "Arn": queue_arn}]))

    def test_eventbridge_delivers_the_seed_shape(self):
        url, arn = self.queue("from-bus")
        self.bus("hpc", arn)
        config = {"type": "eventbridge", "bus": "hpc", "endpoint": self.aws.url}
        self.assertEqual(check(config, self.environment()), "")
        events = [event(n, "slurm.job.start" if n % 2 else "slurm.job.end") for n in range(12)]
        lines = send(config, events, self.environment())
        self.assertEqual(verdicts(lines), ["taken"], lines)
        got = [json.loads(m["Body"]) for m in self.read(url, 12)]
        self.assertEqual(len(got), 12)
        by_id = {g["detail"]["SLUICE_EVENT_ID"]: g for g in got}
        first = by_id["event-000001"]
        self.assertEqual(first["source"], "pcluster.testcluster")
        self.assertEqual(first["detail-type"], "pcluster_job_start")
        self.assertEqual(by_id["event-000002"]["detail-type"], "pcluster_job_end")
        self.assertEqual(first["detail"]["SLURM_JOB_USER"], "ada")
        self.assertEqual(first["detail"]["SLURM_JOB_ID"], "1")
        self.assertEqual(first["detail"]["SLURM_JOB_NAME"], "job 1 \"x\" ü\n")
        self.assertEqual(first["time"], "2026-03-01T12:00:00Z")

    def test_eventbridge_whole_event(self):
        url, arn = self.queue("from-bus-2")
        self.bus("hpc2", arn)
        config = {"type": "eventbridge", "bus": "hpc2", "endpoint": self.aws.url,
                  "detail": "cloudevent", "detail_type": {"slurm.job.end": "Job ended"}}
        self.assertEqual(verdicts(send(config, [event(7)], self.environment())), ["taken"])
        got = json.loads(self.read(url, 1)[0]["Body"])
        self.assertEqual(got["detail"], event(7))
        self.assertEqual(got["detail-type"], "Job ended")

    def test_eventbridge_missing_bus_keeps_events(self):
        config = {"type": "eventbridge", "bus": "no-such-bus", "endpoint": self.aws.url}
        problem = check(config, self.environment())
        self.assertIn("ResourceNotFound", problem)
        self.assertIn("create the bus", problem)
        lines = send(config, [event(1), event(2)], self.environment())
        self.assertEqual([line["verdict"] for line in lines], ["sink_down"] * 2)

    def test_wrong_secret_is_sink_down(self):
        wrong = self.environment(AWS_SECRET_ACCESS_KEY="not-the-secret")
        url, _ = self.queue("guarded")
        config = {"type": "sqs", "url": url, "region": "us-east-1"}
        lines = send(config, [event(1)], wrong)
        self.assertEqual(verdicts(lines), ["sink_down"])
        self.assertIn("credentials from environment", lines[0]["reason"])
        self.assertNotIn("not-the-secret", lines[0]["reason"])
        self.assertEqual(self.read(url, 1), [])

    def test_sqs(self):
        url, _ = self.queue("direct")
        config = {"type": "sqs", "url": url}
        self.assertEqual(check(config, self.environment()), "")
        events = [event(n) for n in range(23)]
        self.assertEqual(verdicts(send(config, events, self.environment())), ["taken"])
        got = [json.loads(m["Body"]) for m in self.read(url, 23)]
        self.assertEqual(sorted(g["id"] for g in got), [e["id"] for e in events])

    def test_sqs_missing_queue(self):
        config = {"type": "sqs", "url": f"{self.aws.url}/123456789012/none"}
        self.assertIn("create the queue", check(config, self.environment()))
        self.assertEqual(verdicts(send(config, [event(1)], self.environment())), ["sink_down"])

    def test_sqs_fifo_deduplicates(self):
        url, _ = self.queue("ordered.fifo", fifo=True)
        config = {"type": "sqs", "url": url}
        for _ in range(2):  # the same events again, as after a crash
            self.assertEqual(verdicts(send(config, [event(1), event(2)], self.environment())),
                             ["taken"])
        got = self.read(url, 10)
        self.assertEqual(len(got), 2)
        self.assertEqual(got[0]["Attributes"]["MessageGroupId"], "job/1")
        self.assertEqual(got[0]["Attributes"]["MessageDeduplicationId"], "event-000001")

    def test_sns(self):
        url, arn = self.queue("from-topic")
        topic = self.aws.cli("sns", "create-topic", "--name", "jobs")["TopicArn"]
        self.aws.cli("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs",
                     "--notification-endpoint", arn, "--attributes", "RawMessageDelivery=true")
        config = {"type": "sns", "topic": topic, "endpoint": self.aws.url}
        self.assertEqual(check(config, self.environment()), "")
        events = [event(n) for n in range(11)]
        lines = send(config, events, self.environment())
        self.assertEqual(verdicts(lines), ["taken"], lines)
        messages = self.read(url, 11)
        got = sorted((json.loads(m["Body"]) for m in messages), key=lambda g: g["id"])
        self.assertEqual(got, events)
        self.assertEqual(messages[0]["MessageAttributes"]["type"]["StringValue"], "slurm.job.end")

    def test_sns_missing_topic(self):
        config = {"type": "sns", "topic": "arn:aws:sns:us-east-1:123456789012:none",
                  "endpoint": self.aws.url}
        self.assertIn("create the topic", check(config, self.environment()))
        self.assertEqual(verdicts(send(config, [event(1)], self.environment())), ["sink_down"])

    def test_sns_fifo(self):
        url, arn = self.queue("from-topic.fifo", fifo=True)
        topic = self.aws.cli("sns", "create-topic", "--name", "jobs.fifo", "--attributes",
                             "FifoTopic=true")["TopicArn"]
        self.aws.cli("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs",
                     "--notification-endpoint", arn, "--attributes", "RawMessageDelivery=true")
        config = {"type": "sns", "topic": topic, "endpoint": self.aws.url}
        lines = send(config, [event(1), event(2)], self.environment())
        self.assertEqual(verdicts(lines), ["taken"], lines)
        self.assertEqual(len(self.read(url, 2)), 2)

    def test_role_from_profile(self):
        """A profile with role_arn: keys of another profile, STS AssumeRole, then SQS."""
        role = self.aws.cli("iam", "create-role", "--role-name", "writer",
                            "--assume-role-policy-document", json.dumps(
                                {"Version": "2012-10-17", "Statement": [
                                    {"Effect": "Allow", "Action": "sts:AssumeRole",
                                     "Principal": {"AWS": "*"}}]}))["Role"]["Arn"]
        allow = {"Version": "2012-10-17",
                 "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.aws.cli("iam", "put-role-policy", "--role-name", "writer", "--policy-name", "all",
                     "--policy-document", json.dumps(allow))
        url, _ = self.queue("by-role")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "config").write_text(
            f"[profile writer]\nrole_arn = {role}\nsource_profile = base\nregion = us-east-1\n"
            f"external_id = abc  # not a secret\n")
        (folder / "credentials").write_text(
            f"[base]\naws_access_key_id = {self.aws.key}\naws_secret_access_key = {self.aws.secret}\n")
        environment = {"AWS_CONFIG_FILE": str(folder / "config"),
                       "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
                       "AWS_ENDPOINT_URL_STS": self.aws.url}
        config = {"type": "sqs", "url": url, "profile": "writer"}
        lines = send(config, [event(1)], environment)
        self.assertEqual(verdicts(lines), ["taken"], lines)
        self.assertEqual(len(self.read(url, 1)), 1)
