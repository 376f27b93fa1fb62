"""The jobs of the demonstration, each with the command a user types and what is to come of it."""

import time

from cluster import power, sluiceds, wait_until

from .arrivals import HEADER

USER = "alice"
RAN = ("slurm.job.start", "slurm.job.launch", "slurm.job.exit", "slurm.job.end")


def submit_all(cluster, arrivals):
    """Runs the jobs one after the other; returns the set of (subject, type) to come."""
    jobs = Jobs(cluster, arrivals)
    cluster.layout.home(USER).joinpath("ok.sh").write_text("#!/bin/sh\necho done\n")
    print("A mistake is refused while the user looks on:")
    jobs.sbatch("--event-sink=hok ok.sh")
    print(f"\nA job that succeeds:\n{HEADER}")
    jobs.ran(jobs.sbatch("--event-sink=hook,log ok.sh"))
    print("\nOne that exits 3:")
    jobs.ran(jobs.sbatch("--event-sink=hook,log --wrap 'exit 3'"))
    print("\nOne cancelled while it runs:")
    job = jobs.sbatch("--event-sink=hook,log --wrap 'sleep 600'")
    jobs.wait([(f"job/{job}", "slurm.job.launch")])
    jobs.type(f"scancel {job}")
    jobs.ran(job)
    print("\nOne cancelled while it is pending:")
    job = jobs.sbatch("--event-sink=hook,log --hold ok.sh")
    jobs.type(f"scancel {job}")
    jobs.expect([(f"job/{job}", "slurm.job.cancelled")])
    print("\nAn array of three:")
    job = jobs.sbatch("--event-sink=hook,log --array=0-2 ok.sh")
    jobs.expect([(f"job/{job}_{task}", type) for task in range(3) for type in RAN])
    print("\nOne that tells something itself:")
    job = jobs.sbatch("--event-sink=hook,log "
                      "--wrap \"sluice emit user.checkpoint '{\\\"step\\\": 1200}'\"")
    jobs.ran(job)
    jobs.expect([(f"job/{job}", "user.checkpoint")])
    print("\nWhat the administrator sees:")
    time.sleep(0.5)  # its counters are some 200 ms behind
    jobs.type("sluice status", user="root")
    print()
    return jobs.expected


def use_cloud(cluster, arrivals):
    """Nodes that exist only while a job needs them; returns the events to come."""
    jobs = Jobs(cluster, arrivals)
    nodes = cluster.config.power.node_names()
    print("A partition whose nodes exist only while work needs them (here: local slurmds):")
    jobs.type("sinfo -p cloud -o '%P %D %T %N'")
    jobs.type("srun -p cloud -N2 sh -c 'echo ran on $SLURMD_NODENAME'")
    jobs.expect([(f"node/{n}", f"slurm.node.{what}") for n in nodes for what in ("resume", "ready")])
    jobs.type("sluice --config " + str(power.folder(cluster.layout)) + " nodes", user="root")
    print("\nFive seconds without work:")
    jobs.expect([(f"node/{n}", "slurm.node.suspend") for n in nodes], seconds=60)
    print()
    return jobs.expected


class Jobs:
    def __init__(self, cluster, arrivals):
        self.cluster, self.arrivals = cluster, arrivals
        self.expected = set()

    def type(self, line, user=USER):
        """Runs a command line as `user` would, and shows what both say."""
        print(f"  {'#' if user == 'root' else '$'} {line}", flush=True)
        environment = sluiceds.environment(self.cluster.layout)
        done = self.cluster.run(["sh", "-c", line], user=user, env=environment, check=False)
        for said in (done.stdout + done.stderr).splitlines():
            print(f"  {said}".rstrip(), flush=True)
        return done

    def sbatch(self, arguments):
        done = self.type(f"sbatch {arguments}")
        return int(done.stdout.split()[-1]) if done.returncode == 0 else None

    def ran(self, job):
        self.expect([(f"job/{job}", type) for type in RAN])

    def expect(self, events, seconds=20):
        self.expected |= set(events)
        self.wait(events, seconds)

    def wait(self, events, seconds=20):
        """Until both sinks have them; what is missing is told in the end."""
        try:
            wait_until(lambda: self.arrivals.everywhere(events), seconds, "events", every=0.01)
        except TimeoutError:
            print(f"  … not all of them within {seconds} s")
        time.sleep(0.05)  # what should not come would come about now
