"""Python's collector of cyclic garbage, told that a run makes little of it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["seldom_collected"]

# New objects between two collections: many times what hundreds of requests hold at once. With Python's 700
# the collector looks at all that is in flight every few requests, which is a tenth of a run's CPU.
_THRESHOLDS = (20_000, 10, 10)

_lock = Lock()
_runs = 0
_before = _raised = gc.get_threshold()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """The collector runs seldom while anybody is within, and as it did before once nobody is."""
    global _runs, _before, _raised
    with _lock:
        _runs += 1
        if _runs == 1:
            _before = gc.get_threshold()
            if _before[0]:  # else somebody has turned it off
                gc.set_threshold(*map(max, _before, _THRESHOLDS))
            _raised = gc.get_threshold()
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if _runs == 0 and gc.get_threshold() == _raised:  # else somebody has set it since
                gc.set_threshold(*_before)
