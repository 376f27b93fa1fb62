"""What an administrator has made in AWS before the first node is launched: a network to launch in
and a launch template."""

import contextlib
import ipaddress
import random
import socket
from dataclasses import dataclass, field
from typing import Optional

from .ec2_query import Ec2Api

IMAGE = "ami-1e749f67"  # one that moto knows: Ubuntu


@dataclass(frozen=True)
class Ec2World:
    vpc: str
    subnets: dict  # zone -> subnet, in the order of the zones asked for
    template: str  # lt-…
    template_name: str
    image: str
    _network: Optional[socket.socket] = field(default=None, repr=False, compare=False)

    def subnet_ids(self):
        return list(self.subnets.values())


def make_ec2_world(moto, zones=("us-east-1a", "us-east-1b"), network=None,
                   instance_type="c5.large", template_name="sluice-node"):
    """An Ec2World in `moto`; any number of them, with other names of the template.

    moto gives instances addresses of their subnet. Where no network is named it is one of this
    machine's own addresses, for the world's life nobody else's: whoever stands in for an instance
    can listen there, and nothing of the machine's network is touched.
    """
    holder = None
    if network is None:
        network, holder = reserve_network()
    api = Ec2Api(moto)
    vpc = api.call("CreateVpc", CidrBlock=network).findtext("vpc/vpcId")
    blocks = ipaddress.ip_network(network).subnets(new_prefix=20)
    subnets = {zone: api.call("CreateSubnet", VpcId=vpc, CidrBlock=next(blocks),
                              AvailabilityZone=zone).findtext("subnet/subnetId")
               for zone in zones}
    template = api.call("CreateLaunchTemplate", LaunchTemplateName=template_name,
                        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": instance_type})
    return Ec2World(vpc, subnets, template.findtext("launchTemplate/launchTemplateId"),
                    template_name, IMAGE, holder)


def reserve_network():
    """A /16 of 127.0.0.0/8, all of which is loopback, and the socket whose abstract name keeps it
    reserved, as the ports of clusters are. 127.0 to 127.63 are others'."""
    for second in random.sample(range(64, 255), 191):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            holder.bind(f"\0sluice-network-127.{second}")
            return f"127.{second}.0.0/16", holder
        holder.close()
    raise RuntimeError("no free network within 127.0.0.0/8")
