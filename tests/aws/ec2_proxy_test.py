"""Ec2Proxy before a real moto: that it is as strict and as scarce as EC2, and fails as told."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from xml.etree import ElementTree

from harness import eventually
from harness.ec2_query import FORM, Ec2Api, values

sys.path.insert(0, str(Path(__file__).parent))
from fleet import A, B, OnMoto, errors_of, ids_of  # noqa: E402


class Way(OnMoto):
    def test_calls_are_counted_and_answered_as_ec2_does(self):
        answer = self.fleet(3)
        ids = ids_of(answer)
        self.assertEqual(len(set(ids)), 3)
        self.assertEqual(len(answer.findall("fleetInstanceSet/item")), 1)  # an item a pool
        self.assertEqual(errors_of(answer), [])
        described = self.ec2.call("DescribeInstances", InstanceId=ids)
        self.assertEqual(set(ids_of(described)), set(ids))
        tags = {t.findtext("key"): t.findtext("value") for t in described.iter("item")
                if t.find("key") is not None}
        self.assertEqual(tags["launch"], "l&1")
        for address in described.iter("privateIpAddress"):
            self.assertTrue(address.text.startswith("127."), address.text)
        self.assertEqual((self.proxy.count("CreateFleet"), self.proxy.count("DescribeInstances")),
                         (1, 1))
        calls = self.proxy.calls
        self.assertEqual([(c.action, c.status) for c in calls],
                         [("CreateFleet", 200), ("DescribeInstances", 200)])
        self.assertEqual(values(calls[1].params, "InstanceId"), ids)
        self.assertLess(0, self.proxy.upstream_seconds)
        self.assertLessEqual(self.proxy.upstream_seconds, sum(c.seconds for c in calls))
        self.proxy.clear()
        self.assertEqual((self.proxy.calls, self.proxy.upstream_seconds), ([], 0))

    def test_a_connection_is_kept(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=10)
        self.addCleanup(connection.close)
        sockets = set()
        for _ in range(3):
            connection.request("POST", "/", Ec2Api.form("DescribeVpcs"), {
                "Content-Type": FORM,
                "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/ec2/"
                                 "aws4_request, SignedHeaders=host, Signature=0"})
            self.assertEqual(connection.getresponse().read()[:5], b"<?xml")
            sockets.add(connection.sock.getsockname())
        self.assertEqual(len(sockets), 1)

    def test_mistakes_reach_the_caller(self):
        self.fails("InvalidLaunchTemplateId.NotFound", "CreateFleet", **{
            **self.request(), "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {
                "LaunchTemplateId": "lt-0123456789abcdef0"}}]})
        self.assertEqual(self.proxy.calls[-1].status, 400)

    def test_limits(self):
        many = [f"i-{n:017x}" for n in range(1001)]
        self.fails("InvalidRequest", "DescribeInstances", InstanceId=many)
        self.fails("InvalidRequest", "TerminateInstances", InstanceId=many)
        for count, taken in ((200, True), (201, False)):
            asked = {"Filter": [{"Name": "tag:launch", "Value": many[:count]}]}
            if taken:
                self.ec2.call("DescribeInstances", **asked)
            else:
                self.fails("FilterLimitExceeded", "DescribeInstances", **asked)

    def test_the_aws_command_reads_what_is_answered(self):
        self.proxy.no_capacity(A)
        self.proxy.partial(2)
        template = f"LaunchTemplateSpecification={{LaunchTemplateId={self.world.template}}}"
        pools = ",".join(f"{{InstanceType=c5.large,SubnetId={s}}}"
                         for s in self.world.subnet_ids())
        got = self.aws.cli("--endpoint-url", self.proxy.url, "ec2", "create-fleet", "--type",
                           "instant", "--launch-template-configs",
                           f"{template},Overrides=[{pools}]", "--target-capacity-specification",
                           "TotalTargetCapacity=3,DefaultTargetCapacityType=on-demand")
        self.assertEqual([len(i["InstanceIds"]) for i in got["Instances"]], [2])
        self.assertEqual([(e["ErrorCode"], e["Lifecycle"],
                           e["LaunchTemplateAndOverrides"]["Overrides"]["SubnetId"])
                          for e in got["Errors"]],
                         [("InsufficientInstanceCapacity", "on-demand", subnet)
                          for subnet in self.world.subnet_ids()])
        self.assertIn(A, got["Errors"][0]["ErrorMessage"])
        self.proxy.no_capacity()
        self.proxy.fail("DescribeInstances", "UnauthorizedOperation", "not <you>", times=None)
        with self.assertRaisesRegex(RuntimeError, r"\(UnauthorizedOperation\).*not <you>"):
            self.aws.cli("--endpoint-url", self.proxy.url, "ec2", "describe-instances")


class Tokens(OnMoto):
    def test_the_first_answer_again(self):
        first = self.fleet(2, token="t1")
        again = self.fleet(2, token="t1")
        self.assertEqual(ElementTree.tostring(first), ElementTree.tostring(again))
        self.assertEqual(self.new(), set(ids_of(first)))
        error = self.fails("IdempotentParameterMismatch", "CreateFleet",
                           **self.request(3, token="t1"))
        self.assertEqual(error.status, 400)
        self.assertEqual(self.fleet(2, token="t2").findtext("fleetId")
                         == first.findtext("fleetId"), False)

    def test_an_answer_that_was_lost(self):
        self.proxy.drop("CreateFleet", before=False)
        with self.assertRaises(http.client.RemoteDisconnected):
            self.fleet(2, token="lost")
        lost = self.new()
        self.assertEqual(len(lost), 2)
        self.assertEqual(set(ids_of(self.fleet(2, token="lost"))), lost)
        self.assertEqual(self.new(), lost)

    def test_side_by_side(self):
        self.proxy.delay("CreateFleet", 0.2, before=False)
        got = []
        threads = [threading.Thread(target=lambda: got.append(ids_of(self.fleet(2, token="x"))))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([sorted(ids) for ids in got], [sorted(self.new())] * 4)
        self.assertEqual(self.proxy.count("CreateFleet"), 4)

    def test_a_failure_is_not_remembered_but_an_empty_fleet_is(self):
        self.proxy.fail("CreateFleet", "RequestLimitExceeded")
        self.fails("RequestLimitExceeded", "CreateFleet", **self.request(token="f"))
        self.assertEqual(len(ids_of(self.fleet(token="f"))), 1)
        shortage = self.proxy.no_capacity()
        self.assertEqual(ids_of(self.fleet(token="e")), [])
        self.proxy.capacity(shortage)
        self.assertEqual(ids_of(self.fleet(token="e")), [])
        self.assertEqual(len(ids_of(self.fleet(token="e2"))), 1)


class Capacity(OnMoto):
    def zones(self, answer):
        described = self.ec2.call("DescribeInstances", InstanceId=ids_of(answer))
        return {e.text for e in described.iter("availabilityZone")}

    def test_by_zone_and_subnet(self):
        for where in (A, self.world.subnets[A]):
            shortage = self.proxy.no_capacity(where)
            answer = self.fleet(2)
            self.assertEqual(self.zones(answer), {B})
            self.assertEqual(errors_of(answer), [("InsufficientInstanceCapacity",
                                                  self.world.subnets[A], "c5.large", "on-demand")])
            self.proxy.capacity(shortage)
        self.assertEqual(errors_of(self.fleet(2)), [])

    def test_by_type_and_purchase(self):
        self.proxy.no_capacity(instance_type="c5.large")
        answer = self.fleet(1, types=("c5.large", "m5.large"), zones=(A,))
        self.assertEqual(answer.findtext("fleetInstanceSet/item/instanceType"), "m5.large")
        self.assertEqual([e[2] for e in errors_of(answer)], ["c5.large"])
        self.proxy.capacity()
        self.proxy.no_capacity(spot=True)
        self.assertEqual(len(ids_of(self.fleet(1))), 1)
        answer = self.fleet(1, spot=True)
        self.assertEqual((ids_of(answer), [e[3] for e in errors_of(answer)]), ([], ["spot"] * 2))
        self.proxy.capacity()
        answer = self.fleet(2, spot=True)
        self.assertEqual(len(ids_of(answer)), 2)
        self.assertEqual(answer.findtext("fleetInstanceSet/item/lifecycle"), "spot")

    def test_nothing_anywhere(self):
        self.proxy.no_capacity(A)
        self.proxy.no_capacity(B)
        waited = self.proxy.upstream_seconds
        answer = self.fleet(2)
        self.assertEqual(answer.tag, "CreateFleetResponse")
        self.assertTrue(answer.findtext("fleetId").startswith("fleet-"))
        self.assertEqual((ids_of(answer), len(errors_of(answer))), ([], 2))
        self.assertEqual((self.new(), self.proxy.upstream_seconds), (set(), waited))

    def test_less_than_asked_for(self):
        self.proxy.partial(2)
        answer = self.fleet(5)
        self.assertEqual((len(ids_of(answer)), len(errors_of(answer))), (2, 1))
        self.assertEqual(len(self.new()), 2)
        self.assertEqual(len(ids_of(self.fleet(5))), 5)
        self.proxy.partial(2)
        answer = self.fleet(5, minimum=3)
        self.assertEqual((len(ids_of(answer)), len(errors_of(answer))), (0, 1))
        self.proxy.partial(0)
        self.assertEqual(ids_of(self.fleet(1)), [])
        self.assertEqual(len(self.new()), 7)

    def test_instances_that_are_not_known_at_once(self):
        self.proxy.lag(calls=2)
        ids = ids_of(self.fleet(2))
        by_tag = {"Filter": [{"Name": "instance-id", "Value": ids}]}
        error = self.fails("InvalidInstanceID.NotFound", "DescribeInstances", InstanceId=ids)
        for one in ids:
            self.assertIn(one, error.message)
        self.assertEqual(ids_of(self.ec2.call("DescribeInstances", **by_tag)), [])
        self.assertEqual(set(ids_of(self.ec2.call("DescribeInstances", InstanceId=ids))), set(ids))
        self.assertEqual(set(ids_of(self.ec2.call("DescribeInstances", **by_tag))), set(ids))
        self.proxy.lag(calls=0)
        self.ec2.call("DescribeInstances", InstanceId=ids_of(self.fleet(1)))

    def test_instances_that_end_by_themselves(self):
        kept, vanished, forgotten = ids_of(self.fleet(3))
        self.proxy.vanish(vanished)
        state = "instancesSet/item/instanceState/name"
        item = self.ec2.call("DescribeInstances", InstanceId=[vanished]).find("reservationSet/item")
        self.assertEqual(item.findtext(state), "terminated")
        self.ec2.call("TerminateInstances", InstanceId=[vanished])  # as on AWS, no error
        self.proxy.forget(forgotten)
        for unknown in (forgotten, "i-0123456789abcdef0"):
            for action in ("TerminateInstances", "DescribeInstances"):
                error = self.fails("InvalidInstanceID.NotFound", action, InstanceId=[kept, unknown])
                self.assertIn(unknown, error.message)
                self.assertNotIn(kept, error.message)
        item = self.ec2.call("DescribeInstances", InstanceId=[kept]).find("reservationSet/item")
        self.assertEqual(item.findtext(state), "running")  # none of a failed call's is terminated


class Failures(OnMoto):
    def test_errors_for_some_calls(self):
        self.proxy.fail("DescribeInstances", "RequestLimitExceeded", times=2)
        for _ in range(2):
            error = self.fails("RequestLimitExceeded", "DescribeInstances")
            self.assertEqual(error.status, 503)
        self.ec2.call("DescribeInstances", MaxResults=5)
        bad = self.proxy.fail("CreateTags", "InternalError", "<&>", status=500, times=None,
                              when=lambda params: params.get("Tag.1.Value") == "bad")
        made = ids_of(self.fleet())
        for value, taken in (("good", True), ("bad", False), ("bad", False)):
            tag = {"ResourceId": made, "Tag": [{"Key": "Name", "Value": value}]}
            if taken:
                self.ec2.call("CreateTags", **tag)
            else:
                self.assertEqual(self.fails("InternalError", "CreateTags", **tag).message, "<&>")
        self.proxy.forgive(bad)
        self.ec2.call("CreateTags", ResourceId=made, Tag=[{"Key": "Name", "Value": "bad"}])
        self.proxy.fail("CreateFleet", "InternalError", before=False)
        known = self.new()
        self.fails("InternalError", "CreateFleet", **self.request(2))
        self.assertEqual(len(self.new() - known), 2)

    def test_answers_that_are_none(self):
        self.proxy.raw("DescribeInstances", b"<DescribeInstancesResponse><", 200)
        self.assertEqual(self.ec2.send(Ec2Api.form("DescribeInstances")),
                         (200, b"<DescribeInstancesResponse><"))
        huge = b"<a>" + b" " * (8 << 20) + b"</a>"
        self.proxy.raw("DescribeInstances", huge, 502)
        self.assertEqual(self.ec2.send(Ec2Api.form("DescribeInstances")), (502, huge))
        self.proxy.drop("CreateFleet")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.fleet(2)
        self.assertEqual((self.new(), self.proxy.calls[-1].status), (set(), None))
        self.proxy.drop("CreateFleet", before=False, half=True)
        with self.assertRaises(http.client.IncompleteRead):
            self.fleet(2)
        self.assertEqual(len(self.new()), 2)

    def test_late_answers(self):
        self.proxy.delay("DescribeVpcs", 0.3, times=1)
        begun = time.monotonic()
        self.ec2.call("DescribeVpcs")
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)
        self.assertGreaterEqual(self.proxy.calls[-1].seconds, 0.3)
        self.assertLess(self.proxy.upstream_seconds, 0.3)

    def test_a_caller_killed_in_the_middle(self):
        for before, launched in ((True, 0), (False, 2)):
            known = self.launched()
            held = self.proxy.hold("CreateFleet", before=before)
            body = Ec2Api.form("CreateFleet", **self.request(2, token=f"held-{before}")).decode()
            caller = subprocess.Popen([sys.executable, "-S", "-c", CALLER, str(self.proxy.port),
                                       body])
            self.addCleanup(caller.kill)
            held.wait_arrived()
            self.assertEqual(len(self.launched() - known), launched)
            caller.send_signal(signal.SIGKILL)
            caller.wait()
            held.release()
            eventually(lambda: len(self.launched() - known) == 2, 10, "the launch")
            self.assertEqual(set(ids_of(self.fleet(2, token=f"held-{before}"))),
                             self.launched() - known)

    def test_it_ends_with_calls_under_way(self):
        self.proxy.hold("DescribeVpcs")
        self.proxy.delay("DescribeSubnets", 600)
        for action in ("DescribeVpcs", "DescribeSubnets"):
            connection = socket.create_connection(("127.0.0.1", self.proxy.port))
            self.addCleanup(connection.close)
            body = Ec2Api.form(action)
            connection.sendall(b"POST / HTTP/1.1\r\nHost: ec2\r\nContent-Length: %d\r\n\r\n%b"
                               % (len(body), body))
            eventually(lambda a=action: self.proxy.count(a) == 1, 10, action)


# Signed by nobody: moto wants to know which service is meant, not whose call it is.
CALLER = """
import http.client, sys
http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])).request("POST", "/", sys.argv[2], {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/ec2/aws4_request, "
                     "SignedHeaders=host, Signature=0"})
import time
time.sleep(600)
"""


class Signatures(OnMoto):
    check_signatures = True

    def test_as_they_came_and_anew(self):
        self.assertEqual(len(ids_of(self.fleet(2))), 2)
        self.proxy.no_capacity(A)
        self.proxy.partial(1)
        self.assertEqual(len(ids_of(self.fleet(2))), 1)
        self.aws.secret, secret = "wrong", self.aws.secret
        try:
            self.fails("AuthFailure", "DescribeVpcs")
        finally:
            self.aws.secret = secret


if __name__ == "__main__":
    unittest.main()
