"""What a test tells Ec2Proxy to do wrong: an ordered list of faults, and which call gets which.

A fault is for one action, for its next `times` calls (None: for ever) that `when(params)` is true
of. It happens before the call has any effect or, with before=False, after it: the instances are
launched, but the caller does not learn it as it should. The fault given first goes first; delays
and holds add up, anything else is the call's end.
"""

import threading
from dataclasses import dataclass
from typing import Callable, Optional

from .ec2_query import Ec2Error


class Dropped(Exception):
    """Instead of an answer the connection is closed, after `half` of the answer if so wished."""

    def __init__(self, half=False):
        super().__init__()
        self.half = half


class Hold:
    """A call that waits for the test. `release` lets it go on, whether or not its caller still
    lives: AWS too has received what a killed caller had sent."""

    def __init__(self):
        self._arrived, self._released = threading.Event(), threading.Event()

    def wait_arrived(self, seconds=20):
        if not self._arrived.wait(seconds):
            raise TimeoutError(f"no call to hold within {seconds} s")

    def release(self):
        self._released.set()

    def stop_here(self):
        self._arrived.set()
        self._released.wait()


@dataclass(eq=False)
class Fault:
    action: str
    times: Optional[float]
    when: Callable[[dict], bool]
    before: bool
    wait: Optional[Callable[[], None]] = None  # and then the call goes on
    end: Optional[Callable[[], tuple]] = None  # (status, body), or raises

    def takes(self, call, before):
        return (self.before is before and self.action == call.action
                and self.times != 0 and self.when(call.params))


def _always(_params):
    return True


class Faults:
    def __init__(self):
        self._faults, self._holds = [], []
        self._lock = threading.Lock()
        self._over = threading.Event()

    def fail(self, action, code, message="", status=None, times=1, when=_always, before=True):
        """EC2's error answer; AWS's own status for `code` where none is given."""
        def end():
            raise Ec2Error(code, message or f"{code}, as the test wished", status)
        return self._add(Fault(action, times, when, before, end=end))

    def raw(self, action, body, status=200, times=1, when=_always, before=True):
        """`body` as it is: malformed, huge, not XML."""
        return self._add(Fault(action, times, when, before, end=lambda: (status, body)))

    def drop(self, action, before=True, half=False, times=1, when=_always):
        """Closes the connection without an answer, or with half of one.

        libcurl repeats by itself what fails so without one byte on a connection used before:
        ask for times=2, or half=True, where the caller is to notice.
        """
        def end():
            raise Dropped(half)
        return self._add(Fault(action, times, when, before, end=end))

    def delay(self, action, seconds, times=None, when=_always, before=True):
        return self._add(Fault(action, times, when, before, wait=lambda: self._over.wait(seconds)))

    def hold(self, action, when=_always, before=True):
        """Returns the Hold at which the next call will wait."""
        held = Hold()
        with self._lock:
            self._holds.append(held)
        self._add(Fault(action, 1, when, before, wait=held.stop_here))
        return held

    def forgive(self, fault=None):
        """That fault, or all, and what is held goes on."""
        with self._lock:
            self._faults = [f for f in self._faults if fault is not None and f is not fault]
            if fault is None:
                for held in self._holds:
                    held.release()

    def _add(self, fault):
        with self._lock:
            self._faults.append(fault)
        return fault

    def apply(self, call, before):
        """Waits as told, and returns the Fault that ends the call, if any."""
        with self._lock:
            mine = []
            for fault in self._faults:
                if fault.takes(call, before):
                    if fault.times is not None:
                        fault.times -= 1
                    mine.append(fault)
                    if fault.end:
                        break
        for fault in mine:
            if fault.wait:
                fault.wait()
        return mine[-1] if mine and mine[-1].end else None

    def over(self):
        """Lets every call that waits go."""
        self._over.set()
        self.forgive()
