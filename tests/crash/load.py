"""The small load that crash tests put on a cluster, and waiting for its end."""

from harness import eventually


def submit_some(c, tag):
    """Jobs of several kinds; those called sel… name the sink `mine`."""
    mine = ["-J", f"sel-{tag}", "--event-sink=mine"]
    c.sbatch([*mine, "--array=0-3"], "exit 1")
    c.sbatch(["-J", f"plain-{tag}"], user="bob")
    c.sbatch(mine, "sleep 0.5")
    held = c.sbatch([*mine, "--hold"])
    c.run(["scancel", str(held)])


def cancel_stuck(c):
    """A job that a killed slurmctld started but did not launch stays RUNNING for minutes."""
    for user in ("alice", "bob"):
        c.run(["scancel", f"--user={user}"], check=False)


def nodes_back(c):
    """After a kill Slurm may drain a node ("Duplicate jobid", say): of no interest here."""
    def back():
        for node in c.config.node_names():
            c.run(["scontrol", "update", f"NodeName={node}", "State=resume"], check=False)
        c.wait_nodes(deadline=2)
        return True
    c.wait_until(back, 40, "usable nodes")


def all_over(c, seconds=60):
    def empty():
        left = c.run(["squeue", "-h", "-o", "%i %T %r"]).stdout.strip()
        if left:
            raise RuntimeError(left)
        return True
    eventually(empty, seconds, "an empty queue")


def wait_killed(test, c, name, seconds=40):
    eventually(lambda: c.pid_of(name) is None, seconds, f"{name} killed at its fault point")
    test.assertEqual(c.exit_of(name), -9)


def submit_until_killed(test, c, tag, name):
    """A slow daemon does in two transactions what a quick one does in three: it gets more work."""
    for at in range(5):
        submit_some(c, f"{tag}-{at}")
        try:
            return wait_killed(test, c, name, seconds=10)
        except TimeoutError:
            pass
    wait_killed(test, c, name, seconds=10)


def fault(point, nth=1):
    return {"SLUICE_FAULT": f"{point}:{nth}"}
