"""CreateFleet's requests and answers (API reference: CreateFleet, CreateFleetError).

A pool is an instance type in a subnet; a request's overrides name the pools it may launch in.
Here are the parts of AWS that moto lacks: pools that have nothing left, a fleet that gets less
than it asked for, and both told in errorSet.
"""

import secrets
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

from .ec2_query import numbers, read_xml, write_xml

CONFIGS, CAPACITY = "LaunchTemplateConfigs", "TargetCapacitySpecification"


@dataclass(frozen=True)
class Pool:
    config: int  # LaunchTemplateConfigs.N
    override: int  # .Overrides.N; 0: the launch template as it is
    type: str = ""  # empty where the launch template says
    subnet: str = ""
    zone: str = ""


class FleetRequest:
    def __init__(self, params):
        self.params = params
        self.pools = [pool for n in numbers(params, CONFIGS) for pool in self._pools(n)]
        self.target = self._number(f"{CAPACITY}.TotalTargetCapacity")
        self.spot = (params.get(f"{CAPACITY}.DefaultTargetCapacityType") == "spot"
                     or self._number(f"{CAPACITY}.SpotTargetCapacity") > 0)
        options = "SpotOptions" if self.spot else "OnDemandOptions"
        # With less than this AWS launches nothing at all.
        self.minimum = self._number(f"{options}.MinTargetCapacity")

    def _number(self, name):
        return int(self.params.get(name) or 0)

    def _pools(self, config):
        prefix = f"{CONFIGS}.{config}.Overrides"
        found = numbers(self.params, prefix)
        if not found:
            return [Pool(config, 0)]

        def of(n, name):
            return self.params.get(f"{prefix}.{n}.{name}", "")
        return [Pool(config, n, of(n, "InstanceType"), of(n, "SubnetId"),
                     of(n, "AvailabilityZone")) for n in found]

    def body(self, pools, target):
        """The request for `pools` alone, and for at most `target` units."""
        kept = {}
        for pool in pools:  # numbered anew, as a request without the others would be
            kept.setdefault(pool.config, []).append(pool.override)
        params = {name: value for name, value in self.params.items()
                  if not name.startswith(CONFIGS + ".")}
        for place, (config, overrides) in enumerate(kept.items(), 1):
            old, new = f"{CONFIGS}.{config}.", f"{CONFIGS}.{place}."
            for name, value in self.params.items():
                if name.startswith(old) and not name.startswith(old + "Overrides."):
                    params[new + name[len(old):]] = value
            for number, override in enumerate(overrides, 1):
                inner = f"{old}Overrides.{override}."
                for name, value in self.params.items():
                    if name.startswith(inner):
                        params[f"{new}Overrides.{number}.{name[len(inner):]}"] = value
        left = target
        for kind in ("OnDemand", "Spot"):
            name = f"{CAPACITY}.{kind}TargetCapacity"
            if name in params:
                params[name] = str(min(int(params[name]), left))
                left -= int(params[name])
        params[f"{CAPACITY}.TotalTargetCapacity"] = str(target)
        return urlencode(params).encode()

    def error_item(self, pool, zone):
        """An item of errorSet: `pool`, which lies in `zone`, has nothing left."""
        if self.spot:
            message = "There is no Spot capacity available that matches your request."
        else:
            message = (f"We currently do not have sufficient {pool.type} capacity in the "
                       f"Availability Zone you requested ({zone}). Our system will be working "
                       "on provisioning additional capacity.")
        item = ElementTree.Element("item")
        what = ElementTree.SubElement(item, "launchTemplateAndOverrides")
        template = ElementTree.SubElement(what, "launchTemplateSpecification")
        prefix = f"{CONFIGS}.{pool.config}.LaunchTemplateSpecification"
        for name in ("LaunchTemplateId", "LaunchTemplateName", "Version"):
            _say(template, name[0].lower() + name[1:], self.params.get(f"{prefix}.{name}"))
        if pool.override:
            overrides = ElementTree.SubElement(what, "overrides")
            _say(overrides, "instanceType", pool.type)
            _say(overrides, "subnetId", pool.subnet)
            _say(overrides, "availabilityZone", pool.zone)
        _say(item, "lifecycle", "spot" if self.spot else "on-demand")
        _say(item, "errorCode", "InsufficientInstanceCapacity")
        _say(item, "errorMessage", message)
        return item


def _say(parent, name, text):
    if text:
        ElementTree.SubElement(parent, name).text = text


def nothing_launched(errors):
    """The answer for a fleet without an instance."""
    root = ElementTree.Element("CreateFleetResponse")
    _say(root, "requestId", str(uuid.uuid4()))
    _say(root, "fleetId", f"fleet-{uuid.UUID(bytes=secrets.token_bytes(16))}")
    ElementTree.SubElement(root, "errorSet").extend(errors)
    ElementTree.SubElement(root, "fleetInstanceSet")
    return write_xml(root)


def as_aws_answers(body, errors):
    """moto's answer with `errors`, and the instances' ids; an item a pool, as AWS has it, where
    moto has an item an instance."""
    root = read_xml(body)
    instances = root.find("fleetInstanceSet")
    if instances is None:
        instances = ElementTree.SubElement(root, "fleetInstanceSet")
    pools = {}
    for item in list(instances):
        ids = item.find("instanceIds")
        pool = tuple(ElementTree.tostring(part) for part in item if part is not ids)
        if pool in pools:
            pools[pool].extend(ids)
            instances.remove(item)
        else:
            pools[pool] = ids
    for old in root.findall("errorSet"):
        root.remove(old)
    error_set = ElementTree.Element("errorSet")
    error_set.extend(errors)
    root.insert(list(root).index(instances), error_set)
    return write_xml(root), [one.text for ids in pools.values() for one in ids]
