"""Waiting for a condition, always with a deadline."""

import time


class GaveUp(RuntimeError):
    """Raised by a predicate: waiting longer is of no use."""


def wait_until(predicate, deadline=20.0, what="", every=0.05):
    """Returns predicate()'s first true value; TimeoutError after `deadline` seconds.

    An exception in the predicate counts as "not yet" and is shown if it stays so.
    """
    end, last = time.monotonic() + deadline, None
    while True:
        try:
            last = predicate()
            if last:
                return last
        except GaveUp:
            raise
        except Exception as error:  # the thing asked may not be up yet
            last = error
        if time.monotonic() >= end:
            what = what or getattr(predicate, "__name__", "the condition")
            raise TimeoutError(f"{what}: not within {deadline} s; last: {last!r}")
        time.sleep(every)
