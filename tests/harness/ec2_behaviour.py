"""What EC2 does and moto does not: client tokens, limits, and what a test wishes to be scarce.

`act` takes a call to moto by `forward`, which sends it on as it came or, given a body, changed.
Of the EC2 API reference: CreateFleet, "Ensuring idempotency", "Eventual consistency", the limits of
DescribeInstances and TerminateInstances.
"""

import math
import re
import threading
from dataclasses import dataclass, field
from typing import Optional

from .ec2_fleet import FleetRequest, as_aws_answers, nothing_launched
from .ec2_query import Ec2Api, Ec2Error, not_found, read_xml, values, write_xml

MOST_FILTER_VALUES = 200
MOST_IDS = 1000


@dataclass
class _Launch:
    """What a client token stands for."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    params: Optional[dict] = None
    answer: Optional[tuple] = None


@dataclass(eq=False)
class Shortage:
    where: Optional[str]
    type: Optional[str]
    spot: Optional[bool]


class Behaviour:
    def __init__(self, moto):
        self._api = Ec2Api(moto)
        self._state = threading.Lock()
        self._launches, self._zones = {}, {}
        self._shortages, self._partials = [], []
        self._lag, self._unknown = 0, {}  # instance -> describes that it stays unknown to

    # What a test asks for.

    def no_capacity(self, zone_or_subnet=None, instance_type=None, spot=None):
        """From now on matching pools have nothing (None: any); returns what `capacity` ends."""
        shortage = Shortage(zone_or_subnet, instance_type, spot)
        with self._state:
            self._shortages.append(shortage)
        return shortage

    def capacity(self, shortage=None):
        """Ends that shortage, or all."""
        with self._state:
            self._shortages = [s for s in self._shortages
                               if shortage is not None and s is not shortage]

    def partial(self, most):
        """The next launch gets `most` instances at most."""
        with self._state:
            self._partials.append(most)

    def lag(self, calls):
        """Each instance launched from now on is unknown to the next `calls` DescribeInstances."""
        with self._state:
            self._lag = calls

    def vanish(self, instance_id):
        """Terminates it behind the caller's back: spot reclaim, a console, another host."""
        self._api.call("TerminateInstances", InstanceId=[instance_id])

    def forget(self, instance_id):
        """As AWS does an hour or so after an instance's end: nobody knows its id any more."""
        with self._state:
            self._unknown[instance_id] = math.inf

    # What calls meet.

    def act(self, call, forward, region):
        """(status, body, content type); or an Ec2Error."""
        check_limits(call.params)
        if call.action == "CreateFleet":
            return self._create_fleet(call.params, forward, region)
        if call.action == "DescribeInstances":
            return self._describe(call.params, forward)
        if call.action == "TerminateInstances":
            return self._terminate(call.params, forward)
        return forward()

    def _create_fleet(self, params, forward, region):
        token = params.get("ClientToken")
        if not token:
            return self._launch(params, forward)
        with self._state:
            launch = self._launches.setdefault((region, token), _Launch())
        with launch.lock:  # a second one beside the first waits for the first one's answer
            if launch.answer is None:
                answer = self._launch(params, forward)
                if answer[0] == 200:  # what failed may be tried again
                    launch.params, launch.answer = params, answer
                return answer
            if launch.params != params:
                raise Ec2Error("IdempotentParameterMismatch", "Arguments on this idempotent "
                               "request are inconsistent with arguments used in previous "
                               "request(s).")
            return launch.answer

    def _launch(self, params, forward):
        fleet = FleetRequest(params)
        with self._state:
            shortages = list(self._shortages)
            most = self._partials.pop(0) if self._partials else math.inf
        dry = [pool for pool in fleet.pools
               if any(self._dry(pool, fleet.spot, s) for s in shortages)]
        left = [pool for pool in fleet.pools if pool not in dry]
        target = min(fleet.target, most) if left else 0
        if left and target < fleet.target:
            dry.append(left[0])  # what it had is all that it has
        errors = [fleet.error_item(pool, self._zone_of(pool)) for pool in dry]
        if errors and target < max(1, fleet.minimum):
            return 200, nothing_launched(errors), None
        status, body, kind = forward(fleet.body(left, target) if errors else None)
        if status != 200:
            return status, body, kind
        body, ids = as_aws_answers(body, errors)
        with self._state:
            if self._lag:
                self._unknown.update(dict.fromkeys(ids, self._lag))
        return status, body, kind

    def _dry(self, pool, spot, shortage):
        return (shortage.spot in (None, spot) and shortage.type in (None, pool.type)
                and (shortage.where in (None, pool.subnet)
                     or shortage.where == self._zone_of(pool)))

    def _zone_of(self, pool):
        if pool.zone or not pool.subnet:
            return pool.zone
        if pool.subnet not in self._zones:
            try:
                answer = self._api.call("DescribeSubnets", SubnetId=[pool.subnet])
            except Ec2Error:
                return ""  # moto will say what is wrong with it
            self._zones[pool.subnet] = answer.findtext("subnetSet/item/availabilityZone")
        return self._zones[pool.subnet]

    def _describe(self, params, forward):
        with self._state:
            hidden = set(self._unknown)
            for instance in hidden:
                self._unknown[instance] -= 1
                if self._unknown[instance] == 0:
                    del self._unknown[instance]
        named = [i for i in values(params, "InstanceId") if i in hidden]
        if named:
            raise not_found(named)
        status, body, kind = forward()
        if status == 200 and hidden:
            body = without_instances(body, hidden)
        return status, body, kind

    def _terminate(self, params, forward):
        with self._state:
            forgotten = [i for i in values(params, "InstanceId")
                         if self._unknown.get(i) == math.inf]
        if forgotten:
            raise not_found(forgotten)  # and none of the others is terminated
        return forward()


def check_limits(params):
    filters = sum(bool(re.fullmatch(r"Filter\.\d+\.Value\.\d+", name)) for name in params)
    if filters > MOST_FILTER_VALUES:
        raise Ec2Error("FilterLimitExceeded", "The maximum number of filter values specified on a "
                       f"single call is {MOST_FILTER_VALUES}")
    for prefix, what in (("InstanceId", "instance"), ("ResourceId", "resource")):
        ids = len(values(params, prefix))
        if ids > MOST_IDS:
            raise Ec2Error("InvalidRequest", f"{ids} exceeds the maximum number of {what} IDs that "
                           f"can be specified ({MOST_IDS}). Please specify fewer than {MOST_IDS} "
                           f"{what} IDs.")


def without_instances(body, ids):
    """DescribeInstances' answer without them."""
    root = read_xml(body)
    reservations = root.find("reservationSet")
    for reservation in list(reservations):
        instances = reservation.find("instancesSet")
        for instance in list(instances):
            if instance.findtext("instanceId") in ids:
                instances.remove(instance)
        if len(instances) == 0:
            reservations.remove(reservation)
    return write_xml(root)
