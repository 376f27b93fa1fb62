"""From sbatch to EC2's calls to slurmd to the job's end and the instance's: on a real Slurm and moto."""
import unittest

from harness.ec2_booter import running_instances
from power.cloud import Cloud


class Ec2(unittest.TestCase):
    def test_from_nothing_to_output_and_back(self):
        cloud = Cloud(self, Tags=[{"Key": "Owner", "Value": "hpc"}])
        done = cloud.c.run(["srun", "-p", "aws", "-N4", "sh", "-c", "echo $SLURMD_NODENAME"],
                           timeout=60)
        self.assertEqual(sorted(done.stdout.split()), cloud.names)
        self.assertEqual(cloud.ec2.count("CreateFleet"), 1)
        self.assertLessEqual(len(cloud.ec2.calls), 2, cloud.ec2.calls)
        tags = next(running_instances(cloud.api)).tags
        self.assertEqual(tags["Owner"], "hpc")
        self.assertEqual(tags["sluice:group"], "aws-node")
        cloud.wait_gone()
        self.assertEqual(len(cloud.launched()), 4)


if __name__ == "__main__":
    unittest.main()
