"""Resume and suspend node by node, as cloud glue in Python commonly does: the benchmark's peer.

    node_by_node.py resume|suspend NODES    with LAUNCH_TEMPLATE, SUBNETS and AWS's variables set
"""

import os
import subprocess
import sys

import boto3


def resume(client, names):
    overrides = [{"InstanceType": "c5.large", "SubnetId": subnet}
                 for subnet in os.environ["SUBNETS"].split(",")]
    fleet = client.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[{
            "LaunchTemplateSpecification": {"LaunchTemplateId": os.environ["LAUNCH_TEMPLATE"],
                                            "Version": "$Latest"},
            "Overrides": overrides}],
        TargetCapacitySpecification={"TotalTargetCapacity": len(names),
                                     "DefaultTargetCapacityType": "on-demand"})
    left = list(names)
    for item in fleet["Instances"]:
        described = client.describe_instances(InstanceIds=item["InstanceIds"])
        for reservation in described["Reservations"]:
            for instance in reservation["Instances"]:
                name, address = left.pop(0), instance["PrivateIpAddress"]
                client.create_tags(Resources=[instance["InstanceId"]],
                                   Tags=[{"Key": "Name", "Value": name}])
                subprocess.run(["scontrol", "update", f"nodename={name}", f"nodeaddr={address}",
                                "nodehostname=ip-" + address.replace(".", "-")], check=True)


def suspend(client, names):
    for at in range(0, len(names), 200):  # the values that a filter may have
        described = client.describe_instances(
            Filters=[{"Name": "tag:Name", "Values": names[at:at + 200]},
                     {"Name": "instance-state-name", "Values": ["pending", "running"]}])
        for reservation in described["Reservations"]:
            for instance in reservation["Instances"]:
                client.terminate_instances(InstanceIds=[instance["InstanceId"]])


def main():
    hosts = subprocess.run(["scontrol", "show", "hostnames", sys.argv[2]], check=True,
                           capture_output=True, text=True).stdout.split()
    client = boto3.client("ec2", endpoint_url=os.environ["AWS_ENDPOINT_URL_EC2"])
    {"resume": resume, "suspend": suspend}[sys.argv[1]](client, hosts)


main()
