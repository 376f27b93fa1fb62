"""etc/aws/sluice-cluster.yaml made and deleted on moto; the files for nodes beside it.

moto evaluates no policy, so what the roles may do is compared with what the code does: the EC2
actions are read from its source. What moto does not keep is looked up in the template's text.
"""

import base64
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import boto3
import yaml

from harness import Moto
from harness.ec2_world import IMAGE
from harness.moto import REGION

PROJECT = Path(__file__).resolve().parents[2]
POWER = PROJECT / "common" / "power"
TEMPLATE = PROJECT / "etc" / "aws" / "sluice-cluster.yaml"
CLOUD_INIT = PROJECT / "etc" / "power" / "cloud-init.yaml"
BUILD = Path(os.environ.get("SLUICE_BUILD", PROJECT / "build" / "dev"))

SSH_FROM = "203.0.113.0/24"
KEY_PARAMETER = "/sluice/hpc/munge.key"
EVENTS = {"EC2 Spot Instance Interruption Warning", "EC2 Instance Rebalance Recommendation",
          "EC2 Instance State-change Notification"}


class Intrinsics(yaml.SafeLoader):
    """!Ref X is {"Ref": X}, as in JSON; what they come to is CloudFormation's affair."""


def _intrinsic(loader, name, node):
    read = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence,
            yaml.MappingNode: loader.construct_mapping}[type(node)]
    return {name: read(node)}


Intrinsics.add_multi_constructor("!", _intrinsic)


def template_resource(name):
    return yaml.load(TEMPLATE.read_text(), Intrinsics)["Resources"][name]["Properties"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def actions(statements):
    return {action for s in statements for action in as_list(s["Action"])}


def calls_in_source():
    """The EC2 actions that the product calls."""
    source = "".join(path.read_text() for path in sorted(POWER.glob("ec2*.cpp")))
    return set(re.findall(r'\b(?:call|start)\("(\w+)"', source))


def cluster_tag():
    return re.search(r'kTagCluster = "([^"]+)"', (POWER / "ec2_provider.h").read_text())[1]


def setUpModule():
    global aws
    aws = Moto().start()
    unittest.addModuleCleanup(aws.stop)


@functools.cache
def client(service):
    return boto3.client(service, endpoint_url=aws.url, region_name=REGION,
                        aws_access_key_id=aws.key, aws_secret_access_key=aws.secret)


class WithStack(unittest.TestCase):
    name = "hpc"
    parameters = {}

    @classmethod
    def setUpClass(cls):
        aws.reset()
        ec2, cloudformation = client("ec2"), client("cloudformation")
        cls.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        cls.subnets = [ec2.create_subnet(VpcId=cls.vpc, CidrBlock=f"10.1.{n}.0/24",
                                         AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
                       for n, zone in enumerate("ab")]
        ec2.create_key_pair(KeyName="admins")
        cls.before = inventory()
        given = {"VpcId": cls.vpc, "Subnet1Id": cls.subnets[0], "Subnet2Id": cls.subnets[1],
                 "KeyPair": "admins", "SshCidr": SSH_FROM, "HeadNodeImageId": IMAGE,
                 "ComputeNodeImageId": IMAGE, "ClusterName": "birch", **cls.parameters}
        cloudformation.create_stack(
            StackName=cls.name, TemplateBody=TEMPLATE.read_text(), Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()])
        [stack] = cloudformation.describe_stacks(StackName=cls.name)["Stacks"]
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise AssertionError(stack)
        cls.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        resources = cloudformation.list_stack_resources(StackName=cls.name)
        cls.ids = {r["LogicalResourceId"]: r["PhysicalResourceId"]
                   for r in resources["StackResourceSummaries"] if "LogicalResourceId" in r}

    def policies(self, role):
        """{name: statements} of all that is attached to a role."""
        iam, name = client("iam"), self.ids[role]
        attached = iam.list_attached_role_policies(RoleName=name)
        self.assertEqual(attached["AttachedPolicies"], [])
        return {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)
                ["PolicyDocument"]["Statement"]
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]}

    def head_user_data(self):
        encoded = client("ec2").describe_instance_attribute(
            Attribute="userData", InstanceId=self.ids["HeadNode"])["UserData"]["Value"]
        text = base64.b64decode(encoded).decode()
        self.assertTrue(text.startswith("#cloud-config\n"), text)
        return yaml.safe_load(text)


def inventory():
    """All that a stack may make, by name or id."""
    ec2, iam = client("ec2"), client("iam")
    alive = [{"Name": "instance-state-name",
              "Values": ["pending", "running", "stopping", "stopped"]}]
    found = {
        "roles": [r["RoleName"] for r in iam.list_roles()["Roles"]],
        "profiles": [p["InstanceProfileName"]
                     for p in iam.list_instance_profiles()["InstanceProfiles"]],
        "templates": [t["LaunchTemplateId"]
                      for t in ec2.describe_launch_templates()["LaunchTemplates"]],
        "groups": [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]],
        "instances": [i["InstanceId"]
                      for r in ec2.describe_instances(Filters=alive)["Reservations"]
                      for i in r["Instances"]],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "rules": [r["Name"] for r in client("events").list_rules()["Rules"]],
    }
    return {kind: sorted(names) for kind, names in found.items()}


class Cluster(WithStack):
    def test_roles_are_for_instances(self):
        for role, profile in (("HeadNodeRole", "HeadNodeInstanceProfile"),
                              ("ComputeNodeRole", "ComputeNodeInstanceProfile")):
            made = client("iam").get_instance_profile(
                InstanceProfileName=self.ids[profile])["InstanceProfile"]["Roles"]
            self.assertEqual([r["RoleName"] for r in made], [self.ids[role]])
            trust = made[0]["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual([s["Principal"] for s in trust], [{"Service": "ec2.amazonaws.com"}])

    def test_head_node_may_do_what_the_code_does(self):
        called = {f"ec2:{action}" for action in calls_in_source()}
        self.assertIn("ec2:CreateFleet", called)
        policies = self.policies("HeadNodeRole")
        self.assertEqual(set(policies), {"power-save", "interruptions"})
        # CreateFleet launches as its caller, with the node's role; the other one is Spot's.
        self.assertEqual(actions(policies["power-save"]),
                         called | {"ec2:RunInstances", "iam:PassRole",
                                   "iam:CreateServiceLinkedRole"})

    def test_head_node_reaches_its_own_nodes_only(self):
        tag = cluster_tag()
        for s in self.policies("HeadNodeRole")["power-save"]:
            self.assertEqual(s["Effect"], "Allow")
            resources, do = as_list(s["Resource"]), set(as_list(s["Action"]))
            if "*" in resources:
                self.assertTrue(all(a.startswith("ec2:Describe") for a in do), s)
            equals = s.get("Condition", {}).get("StringEquals", {})
            if any(r.endswith(":instance/*") for r in resources):
                self.assertEqual(len(resources), 1, s)
                at_launch = do & {"ec2:CreateFleet", "ec2:RunInstances"} or \
                    equals.get("ec2:CreateAction") == ["CreateFleet", "RunInstances"]
                key = "aws:RequestTag/" if at_launch else "aws:ResourceTag/"
                self.assertEqual(equals.get(key + tag), "birch", s)
            else:
                self.assertFalse(do & {"ec2:TerminateInstances", "ec2:CreateTags"}, s)
            if "iam:PassRole" in do:
                self.assertEqual(resources, [self.outputs["ComputeNodeRoleArn"]])
                self.assertEqual(equals, {"iam:PassedToService": "ec2.amazonaws.com"})
            if "iam:CreateServiceLinkedRole" in do:
                self.assertEqual(equals, {"iam:AWSServiceName": "spot.amazonaws.com"})

    def test_head_node_launches_from_this_template_in_these_subnets(self):
        resources = [r.rpartition(":")[2]
                     for s in self.policies("HeadNodeRole")["power-save"]
                     if "ec2:RunInstances" in as_list(s["Action"]) for r in as_list(s["Resource"])]
        self.assertEqual(sorted(resources), sorted([
            "fleet/*", "instance/*", "network-interface/*", "volume/*", "spot-instances-request/*",
            f"launch-template/{self.ids['LaunchTemplate']}", f"image/{IMAGE}", "key-pair/admins",
            f"security-group/{self.ids['SecurityGroup']}",
            *(f"subnet/{subnet}" for subnet in self.subnets)]))

    def test_compute_node_may_do_nothing(self):
        self.assertEqual(self.policies("ComputeNodeRole"), {})

    def test_queue_of_warnings(self):
        sqs, events = client("sqs"), client("events")
        [url] = sqs.list_queues()["QueueUrls"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])[
            "Attributes"]["QueueArn"]
        [statement] = self.policies("HeadNodeRole")["interruptions"]
        self.assertEqual(statement["Resource"], arn)
        self.assertEqual(actions([statement]), {"sqs:ReceiveMessage", "sqs:DeleteMessage"})
        # Batches need the permission of the single call.
        source = "".join(path.read_text() for path in sorted(POWER.glob("*.cpp")))
        called = {f"sqs:{name.removesuffix('Batch')}" for name in re.findall(
            r'"((?:Receive|Delete|Send|Purge|Change|Get|List|Set|Create)(?:Message|Queue)\w*)"',
            source)}
        self.assertLessEqual(called, actions([statement]))

        # Only the rule may fill it. (moto makes no queue policies.)
        [allowed] = template_resource("InterruptionQueuePolicy")["PolicyDocument"]["Statement"]
        self.assertEqual(allowed["Principal"], {"Service": "events.amazonaws.com"})
        self.assertEqual(allowed["Action"], "sqs:SendMessage")
        self.assertEqual(allowed["Condition"],
                         {"ArnEquals": {"aws:SourceArn": {"GetAtt": "InterruptionRule.Arn"}}})

        targets = events.list_targets_by_rule(Rule=self.ids["InterruptionRule"])["Targets"]
        self.assertEqual([target["Arn"] for target in targets], [arn])
        entries = [{"Source": source, "DetailType": kind, "Detail": "{}"} for source, kind in
                   [("aws.ec2", "EC2 Fleet Instance Change"), ("aws.ecs", min(EVENTS)),
                    *(("aws.ec2", kind) for kind in EVENTS)]]
        events.put_events(Entries=entries)
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        self.assertEqual(sorted(json.loads(m["Body"])["detail-type"] for m in got["Messages"]),
                         sorted(EVENTS))

    def test_security_group(self):
        [group] = client("ec2").describe_security_groups(
            GroupIds=[self.ids["SecurityGroup"]])["SecurityGroups"]
        self.assertEqual(group["VpcId"], self.vpc)
        rules = {(p["IpProtocol"], p.get("FromPort"), p.get("ToPort"),
                  tuple(r["CidrIp"] for r in p["IpRanges"]),
                  tuple(r["GroupId"] for r in p["UserIdGroupPairs"]))
                 for p in group["IpPermissions"]}
        self.assertEqual(rules, {("tcp", 22, 22, (SSH_FROM,), ()),
                                 ("-1", None, None, (), (group["GroupId"],))})

    def test_launch_template(self):
        self.assertEqual(self.outputs["LaunchTemplateName"], "hpc-node")
        [version] = client("ec2").describe_launch_template_versions(
            LaunchTemplateName="hpc-node")["LaunchTemplateVersions"]
        data = version["LaunchTemplateData"]
        self.assertEqual(data["MetadataOptions"],
                         {"HttpEndpoint": "enabled", "HttpTokens": "required",
                          "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"})
        self.assertEqual((data["ImageId"], data["KeyName"], data["SecurityGroupIds"]),
                         (IMAGE, "admins", [self.ids["SecurityGroup"]]))
        self.assertTrue(data["IamInstanceProfile"]["Arn"].endswith(
            "/" + self.ids["ComputeNodeInstanceProfile"]))
        # CreateFleet's overrides say which, in each group of nodes.
        self.assertFalse({"InstanceType", "NetworkInterfaces", "TagSpecifications"} & set(data))

        known = {"ClusterName": "birch", "HeadNode": "birch-head", "Region": REGION,
                 "HeadNodeAddress": self.outputs["HeadNodeAddress"], "MungeKeyParameter": ""}
        filled = re.sub(r"\$\{(\w+)\}", lambda m: known[m[1]], CLOUD_INIT.read_text())
        self.assertEqual(base64.b64decode(data["UserData"]).decode(), filled,
                         f"{TEMPLATE.name} is to contain {CLOUD_INIT.name} word for word")

    def test_head_node(self):
        [reservation] = client("ec2").describe_instances(
            InstanceIds=[self.ids["HeadNode"]])["Reservations"]
        [head] = reservation["Instances"]
        self.assertEqual(head["SubnetId"], self.subnets[0])
        self.assertTrue(head["IamInstanceProfile"]["Arn"].endswith(
            "/" + self.ids["HeadNodeInstanceProfile"]))
        # With it power save would take the head node for a node, and end it.
        self.assertNotIn(cluster_tag(), [tag["Key"] for tag in head["Tags"]])
        properties = template_resource("HeadNode")  # moto keeps neither of these
        self.assertEqual(properties["MetadataOptions"]["HttpTokens"], "required")
        self.assertEqual(properties["SecurityGroupIds"], [{"GetAtt": "SecurityGroup.GroupId"}])

    def test_head_nodes_configuration(self):
        user_data = self.head_user_data()
        files = {f["path"]: f.get("content", "") for f in user_data["write_files"]}
        config = json.loads(files["/etc/sluice/power/config.json"])
        self.assertEqual(config["InterruptionQueue"], self.outputs["InterruptionQueueUrl"])
        [partition] = json.loads(files["/etc/sluice/power/partitions.json"])["Partitions"]
        [group] = partition["NodeGroups"]
        self.assertEqual(group["SubnetIds"], self.subnets)
        self.assertEqual(group["LaunchTemplateSpecification"],
                         {"LaunchTemplateName": "hpc-node", "Version": "$Latest"})
        slurm_conf = files["/etc/slurm/slurm.conf"].splitlines()
        self.assertIn("ClusterName=birch", slurm_conf)
        self.assertIn("Include slurm.conf.aws", slurm_conf)
        check_shell(self, user_data["runcmd"])

        program = BUILD / "ctld" / "power" / "generate_conf"
        if not program.exists():
            self.skipTest(f"no {program}")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("config.json", "partitions.json"):
            (folder / name).write_text(files[f"/etc/sluice/power/{name}"])
        done = subprocess.run([program, folder], capture_output=True, text=True, timeout=60,
                              env={"SLUICE_POWER_CONFIG": str(folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("NodeName=aws-node-[0-99] State=CLOUD CPUs=2",
                      (folder / "slurm.conf.aws").read_text())


class KeyInSsmAndNoQueue(WithStack):
    """The parameters' other values, and the end of it all."""

    name = "plain"
    parameters = {"MungeKeyParameter": KEY_PARAMETER, "InterruptionQueue": "no"}

    def test_made_and_deleted(self):
        made = inventory()
        self.assertEqual((made["queues"], made["rules"]), ([], []))
        for kind in ("roles", "profiles", "templates", "groups", "instances"):
            self.assertGreater(len(made[kind]), len(self.before[kind]), kind)

        node = self.policies("ComputeNodeRole")
        self.assertEqual(set(node), {"munge-key"})
        self.assertEqual(actions(node["munge-key"]), {"ssm:GetParameter"})
        self.assertTrue(node["munge-key"][0]["Resource"].endswith(f":parameter{KEY_PARAMETER}"))
        self.assertEqual(set(self.policies("HeadNodeRole")), {"power-save", "munge-key"})
        self.assertNotIn("InterruptionQueueUrl", self.outputs)
        check_shell(self, self.head_user_data()["runcmd"])

        client("cloudformation").delete_stack(StackName=self.name)
        self.assertEqual(inventory(), self.before)
        self.assertEqual(client("cloudformation").describe_stacks()["Stacks"], [])


def check_shell(test, commands):
    """Each is `sh -euc SCRIPT`, and the script one that sh can read."""
    for shell, options, script in commands:
        test.assertEqual((shell, options), ("sh", "-euc"))
        done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True,
                              timeout=10)
        test.assertEqual((done.returncode, done.stderr), (0, ""), script)


class NodeFiles(unittest.TestCase):
    def test_cloud_init(self):
        text = CLOUD_INIT.read_text()
        self.assertTrue(text.startswith("#cloud-config\n"))
        parsed = yaml.safe_load(text)
        self.assertEqual(set(parsed), {"bootcmd", "write_files", "runcmd"})
        for command in parsed["bootcmd"]:
            self.assertTrue(all(isinstance(word, str) for word in command), command)
        check_shell(self, parsed["runcmd"])
        files = {f["path"]: f["content"] for f in parsed["write_files"]}
        self.assertEqual([line.split("=")[0] for line in
                          files["/etc/sluice/node-name.conf"].splitlines()],
                         ["ClusterName", "SlurmctldHost", "SlurmctldPort", "AuthType"])
        # sh reads it as well as systemd.
        self.assertRegex(files["/etc/default/slurmd"], r'^SLURMD_OPTIONS="[^"]+"\n$')
        self.assertIn("SLURM_CONF=/etc/sluice/node-name.conf",
                      (PROJECT / "etc/power/sluice-node-name.service").read_text())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_units(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        unit = PROJECT / "etc/power/sluice-node-name.service"
        # A program that is there in place of the one that will be installed.
        (folder / unit.name).write_text(unit.read_text().replace("=sluice node-name", "=true"))
        (folder / "slurmd.service").write_text("[Service]\nExecStart=/bin/true $SLURMD_OPTIONS\n")
        (folder / "slurmd.service.d").mkdir()
        shutil.copy(PROJECT / "etc/power/slurmd-node-name.conf", folder / "slurmd.service.d")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                               folder / unit.name, folder / "slurmd.service"],
                              capture_output=True, text=True, timeout=60)
        ours = [line for line in done.stderr.splitlines() if "sluice" in line or "slurmd" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_command_has_the_options_used(self):
        unit = (PROJECT / "etc/power/sluice-node-name.service").read_text()
        [used] = re.findall(r"(?m)^ExecStart=sluice node-name(.*)$", unit)
        known = (PROJECT / "common/cli/node_name.cpp").read_text()
        for option in re.findall(r"--[\w-]+", used):
            self.assertIn(f'"{option}"', known)
