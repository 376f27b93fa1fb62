"""EC2 that refuses, gives less, answers late, garbled or not at all: no instance is lost or paid for
twice, no node stays unusable, and each job runs in the end."""
import unittest

from power.cloud import Cloud


class Refused(unittest.TestCase):
    def setUp(self):
        self.cloud = Cloud(self)
        self.ec2, self.c = self.cloud.ec2, self.cloud.c
        self.addCleanup(lambda: self.assertEqual(self.cloud.running(), []))

    def reconcile(self):
        self.cloud.program("change_state", check=False)

    def submit(self, nodes=4):
        return self.c.sbatch(["-p", "aws", f"-N{nodes}", "-o", "/dev/null"], user="root")

    def wait_over(self, job, seconds=90):
        def over():
            self.reconcile()
            # A job that was put back waits for two minutes, unless somebody says otherwise.
            if self.c.job(job).get("Reason") == "BeginTime":
                self.c.run(["scontrol", "update", f"jobid={job}", "starttime=now"], check=False)
            return self.c.job(job).get("JobState") == "COMPLETED" or \
                self.c._not_yet(f"{self.c.job(job)} {self.cloud.states()}")
        self.c.wait_until(over, seconds, f"job {job}", every=0.3)
        self.cloud.wait_gone(self.reconcile)

    def reasons(self):
        text = self.c.run(["scontrol", "-o", "show", "nodes", self.cloud.node_list]).stdout
        return [line.split("Reason=")[1].split(" [")[0] for line in text.splitlines()
                if "Reason=" in line]

    def wait_reason(self, what):
        def given():
            return any(what in r for r in self.reasons()) or self.c._not_yet(self.reasons())
        self.c.wait_until(given, 20, what)

    def test_no_capacity_anywhere(self):
        self.ec2.no_capacity()
        job = self.submit()
        self.wait_reason("sluice: InsufficientInstanceCapacity")
        self.c.wait_until(lambda: self.c.job(job)["JobState"] == "PENDING", 10, "job put back")
        self.assertEqual(self.cloud.running(), [])
        self.ec2.capacity()
        self.wait_over(job)
        self.assertEqual(len(self.cloud.launched()), 4)

    def test_a_job_that_cannot_have_all_leaves_none(self):
        self.ec2.partial(3)
        job = self.submit()
        self.wait_reason("sluice: InsufficientInstanceCapacity")
        self.c.wait_until(lambda: not self.cloud.running(), 20, "the three end")
        self.wait_over(job)

    def test_an_instance_that_vanishes_while_its_job_runs(self):
        job = self.c.sbatch(["-p", "aws", "-N1", "-o", "/dev/null", "--requeue"],
                            script="sleep 5", user="root")
        self.c.wait_job(job, ("RUNNING",), 40)
        self.ec2.vanish(self.cloud.running()[0])
        self.c.wait_until(lambda: self.c.job(job).get("Restarts") == "1" or self.reconcile(),
                          60, "the job is put back", every=0.3)
        self.wait_over(job)


class ByHand(unittest.TestCase):
    """resume and suspend called as an administrator would; a job adds nothing to these but time."""

    def setUp(self):
        self.cloud = Cloud(self, boots=False, settings={"SuspendTime": 600})
        self.ec2 = self.cloud.ec2
        self.addCleanup(lambda: self.assertEqual(self.cloud.running(), []))

    def resume(self, check=True):
        return self.cloud.program("resume", self.cloud.node_list, check=check)

    def suspend(self):
        self.cloud.program("suspend", self.cloud.node_list)

    def reconcile_until(self, condition, what):
        def reached():
            self.cloud.program("change_state", check=False)
            return condition()
        self.cloud.c.wait_until(reached, 30, what, every=0.5)

    def all_there(self):
        """As many instances as nodes, and slurmctld knows where."""
        self.assertEqual(len(self.cloud.launched()), 4)
        self.assertEqual(len(self.cloud.running()), 4)
        self.assertEqual(sorted(self.cloud.addresses()), self.cloud.names)

    def test_a_zone_without_capacity_is_avoided_for_a_while(self):
        subnets = self.cloud.world.subnet_ids()
        self.ec2.no_capacity(subnets[0])
        self.cloud.program("resume", "aws-node-[0-1]")  # learns of it
        self.ec2.clear()
        self.cloud.program("resume", "aws-node-[2-3]")
        asked = [call for call in self.ec2.calls if call.action == "CreateFleet"]
        self.assertEqual(len(asked), 1)
        sent = [v for k, v in asked[0].params.items() if k.endswith(".SubnetId")]
        self.assertNotIn(subnets[0], sent)
        self.assertIn(subnets[1], sent)
        self.all_there()
        self.suspend()

    def test_spot_that_is_not_there_is_launched_on_demand(self):
        cloud = Cloud(self, boots=False, settings={"SuspendTime": 600}, PurchasingOption="spot",
                      OnDemandFallback=True, SpotOptions={"AllocationStrategy": "lowest-price"})
        cloud.ec2.no_capacity(spot=True)
        done = cloud.program("resume", "aws-node-[0-1]")
        self.assertIn("aws-node-1: launched", done.stdout)
        self.assertEqual(cloud.ec2.count("CreateFleet"), 2)
        cloud.program("resume", "aws-node-[2-3]")  # spot is known to be empty
        self.assertEqual(cloud.ec2.count("CreateFleet"), 3)
        self.assertEqual(len(cloud.running()), 4)
        cloud.program("suspend", cloud.node_list)
        self.assertEqual(cloud.running(), [])

    def test_dry_run_launches_and_ends_nothing(self):
        done = self.cloud.program("resume", "--dry-run", self.cloud.node_list, check=False)
        self.assertEqual(self.cloud.launched(), [])
        self.assertEqual(done.stdout.count("would be launched"), 4, done.stdout)
        self.resume()
        done = self.cloud.program("suspend", "--dry-run", self.cloud.node_list)
        self.assertEqual(done.stdout.count("would be ended"), 4)
        self.assertEqual(len(self.cloud.running()), 4)
        self.suspend()

    def test_throttled(self):
        self.ec2.fail("CreateFleet", "RequestLimitExceeded", times=3)
        self.ec2.fail("DescribeInstances", "RequestLimitExceeded", times=2)
        self.ec2.fail("TerminateInstances", "RequestLimitExceeded", times=2)
        self.resume()
        self.all_there()
        self.suspend()

    def test_a_launch_template_that_is_wrong(self):
        self.ec2.fail("CreateFleet", "InvalidLaunchTemplateId.NotFound", times=1)
        done = self.resume(check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("aws-node-0: failed: InvalidLaunchTemplateId.NotFound", done.stdout)
        text = self.cloud.c.run(["scontrol", "show", "node", "aws-node-0"]).stdout
        self.assertIn("Reason=sluice: InvalidLaunchTemplateId.NotFound", text)
        self.assertIn("DOWN", text)
        self.reconcile_until(lambda: set(self.cloud.states().values()) == {"idle~"}, "usable again")

    def test_not_allowed(self):
        self.ec2.fail("CreateFleet", "UnauthorizedOperation", times=1)
        self.assertIn("UnauthorizedOperation", self.resume(check=False).stdout)
        self.assertEqual(self.ec2.count("CreateFleet"), 1, "not asked again at once")

    def test_answers_that_are_lost(self):
        for action in ("CreateFleet", "DescribeInstances", "TerminateInstances"):
            self.ec2.drop(action, before=False, half=True)
        self.resume()
        self.all_there()
        self.suspend()

    def test_instances_that_are_not_visible_yet(self):
        self.ec2.lag(calls=3)
        self.resume()
        self.all_there()
        self.suspend()

    def test_garbled_answers(self):
        self.ec2.raw("DescribeInstances", b"<DescribeInstancesResponse><reservationSet>", times=2)
        self.resume()
        self.all_there()
        self.ec2.raw("TerminateInstances", b"\0" * 1000, times=1)
        self.suspend()
        self.reconcile_until(lambda: not self.cloud.running(), "ended after all")

    def test_a_fleet_whose_answer_cannot_be_read(self):
        self.ec2.raw("CreateFleet", b"<CreateFleetResponse><fleet", times=1, before=False)
        self.resume()
        self.all_there()
        self.suspend()

    def test_an_unknown_instance_among_many_ends_the_others(self):
        self.resume()
        gone = self.cloud.running()[2]
        self.ec2.vanish(gone)
        self.ec2.forget(gone)
        self.suspend()

    def test_two_at_once_for_overlapping_lists(self):
        held = self.ec2.hold("CreateFleet")
        first = self.cloud.c.popen([self.cloud.path("resume"), "aws-node-[0-2]"])
        held.wait_arrived()
        done = self.cloud.program("resume", self.cloud.node_list)
        self.assertIn("aws-node-1: already launched", done.stdout)
        self.assertIn("aws-node-3: launched", done.stdout)
        held.release()
        self.assertEqual(first.wait(30), 0)
        self.all_there()
        self.suspend()

    def test_suspended_while_it_is_launched(self):
        held = self.ec2.hold("CreateFleet", before=False)
        first = self.cloud.c.popen([self.cloud.path("resume"), self.cloud.node_list])
        held.wait_arrived()
        self.suspend()
        held.release()
        first.wait(30)
        self.assertEqual(len(self.cloud.launched()), 4)


if __name__ == "__main__":
    unittest.main()
