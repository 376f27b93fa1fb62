"""CPU time of processes, from /proc."""

import os

TICK = os.sysconf("SC_CLK_TCK")


def process_seconds(pid):
    """User and system time of a process, its ended threads and its reaped children."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICK


def thread_seconds(pid):
    """{thread id: seconds} to the nanosecond; the calling thread's run time by the scheduler."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                found[int(task)] = int(file.read().split()[0]) / 1e9
        except OSError:
            pass  # ended meanwhile
    return found


def peak_rss_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        for text in file:
            if text.startswith("VmHWM:"):
                return int(text.split()[1]) / 1024
    return None


def outside_pid(cluster, inside):
    """The pid by which this machine knows a daemon of the cluster: a child of its supervisor."""
    supervisor = cluster.supervisor_pid
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as file:
        children = file.read().split()
    for child in children:
        with open(f"/proc/{child}/status") as file:
            ids = next(text for text in file if text.startswith("NSpid:")).split()
        if int(ids[-1]) == inside:
            return int(child)
    raise RuntimeError(f"no process {inside} in the cluster")
