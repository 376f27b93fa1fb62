"""Blocks of free ports, so that any number of clusters run at once.

A block is reserved by an abstract Unix socket's name, which the kernel frees with the last
process that holds it: the supervisor. That no stranger listens there is tried as well.
"""

import contextlib
import errno
import random
import socket

# Below the kernel's range for outgoing connections (32768 on), which would collide.
FIRST, LAST, BLOCK = 20000, 32600, 200


def reserve(count):
    """Returns (first port, the socket that keeps the block reserved)."""
    if count > BLOCK:
        raise ValueError(f"{count} ports: at most {BLOCK}; give port_base yourself")
    blocks = list(range(FIRST, LAST, BLOCK))
    random.shuffle(blocks)
    for base in blocks:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0sluice-ports-{base}")
        except OSError as error:
            holder.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        if all(is_free(port) for port in range(base, base + count)):
            return base, holder
        holder.close()
    raise RuntimeError(f"no {count} free ports between {FIRST} and {LAST}")


def is_free(port):
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def free_port():
    """One port that is free now; for servers that a test starts at once."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
