"""Waiting for something to become true: a deadline and a condition, never a fixed sleep."""

import time


class Timeout(AssertionError):
    """What was waited for did not happen."""


def wait_for(condition, what="the condition", timeout=10.0, every=0.01):
    """Calls `condition` until it returns something true, and returns that.

    An AssertionError or an OSError (nothing listens yet) counts as "not yet"; the last one is shown at the deadline.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError, LookupError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {timeout:g} s; last: {last!r}")
        time.sleep(every)


def stays(condition, what="the condition", seconds=0.3, every=0.02):
    """Checks that `condition` holds for a while: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        assert value, f"{what} did not stay true: {value!r}"
        time.sleep(every)
