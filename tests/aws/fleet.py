"""Fleets asked of moto through an Ec2Proxy: what its tests share."""

import unittest

from harness import Moto
from harness.ec2_proxy import Ec2Proxy
from harness.ec2_query import Ec2Api, Ec2Error
from harness.ec2_world import make_ec2_world

A, B = "us-east-1a", "us-east-1b"


def ids_of(answer):
    """Of CreateFleet's answer, or of DescribeInstances'."""
    return [e.text for e in [*answer.iterfind("fleetInstanceSet/item/instanceIds/item"),
                             *answer.iterfind(".//instancesSet/item/instanceId")]]


def errors_of(answer):
    return [(e.findtext("errorCode"), e.findtext(".//overrides/subnetId"),
             e.findtext(".//overrides/instanceType"), e.findtext("lifecycle"))
            for e in answer.iterfind("errorSet/item")]


class OnMoto(unittest.TestCase):
    check_signatures = False
    _made = {}  # check_signatures -> a moto and its world, for all tests of a file

    @classmethod
    def setUpClass(cls):
        if cls.check_signatures not in cls._made:
            aws = Moto(check_signatures=cls.check_signatures).start()
            unittest.addModuleCleanup(aws.stop)
            cls._made[cls.check_signatures] = aws, make_ec2_world(aws, (A, B))
        cls.aws, cls.world = cls._made[cls.check_signatures]
        cls.moto = Ec2Api(cls.aws)

    def setUp(self):
        self.proxy = self.enterContext(Ec2Proxy(self.aws))
        self.ec2 = Ec2Api(self.aws, self.proxy.url)
        self.before = self.launched()

    def launched(self):
        return {i for page in self.moto.pages("DescribeInstances", MaxResults=1000)
                for i in ids_of(page)}

    def new(self):
        return self.launched() - self.before

    def request(self, count=1, token=None, types=("c5.large",), zones=(A, B), spot=False,
                minimum=None):
        kind = "spot" if spot else "on-demand"
        pools = [{"InstanceType": t, "SubnetId": self.world.subnets[z]}
                 for t in types for z in zones]
        return {"Type": "instant",
                "LaunchTemplateConfigs": [{
                    "LaunchTemplateSpecification": {"LaunchTemplateId": self.world.template,
                                                    "Version": "$Latest"},
                    "Overrides": pools}],
                "TargetCapacitySpecification": {"TotalTargetCapacity": count,
                                                "DefaultTargetCapacityType": kind},
                "TagSpecification": [{"ResourceType": "instance",
                                      "Tag": [{"Key": "launch", "Value": "l&1"}]}],
                **({"ClientToken": token} if token else {}),
                **({"OnDemandOptions": {"MinTargetCapacity": minimum,
                                        "SingleInstanceType": True}} if minimum else {})}

    def fleet(self, count=1, **how):
        return self.ec2.call("CreateFleet", **self.request(count, **how))

    def fails(self, code, action, **params):
        with self.assertRaises(Ec2Error) as caught:
            self.ec2.call(action, **params)
        self.assertEqual(caught.exception.code, code)
        return caught.exception
