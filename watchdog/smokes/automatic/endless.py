"""Ends a test that would never end: an example that starts a server, or waits for something."""

import contextlib
import signal
import time
import unittest

SECONDS = [10, 2]
"""How long the first test that does not end may take, and each later one."""


class Endless(BaseException):
    """Raised where a test is when its time is over; packages catch each Exception."""


@contextlib.contextmanager
def skipped_if_endless():
    """Skip the test in the block if it does not end in time; on Windows it may take any time."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_number, _frame):
        raise Endless

    own = signal.signal(signal.SIGALRM, stop)
    started = time.monotonic()
    # Again and again: what is raised may be caught.
    outer, _ = signal.setitimer(signal.ITIMER_REAL, SECONDS[0], 1)
    try:
        yield
    except Endless:
        reason = "it had not ended after %s s" % SECONDS[0]
        del SECONDS[:-1]
        raise unittest.SkipTest(reason) from None
    finally:
        # The timer of the whole cell goes on.
        left = max(1.0, outer - (time.monotonic() - started)) if outer else 0
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, own)
