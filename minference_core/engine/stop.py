"""Stopping on request: signals become an event, so that the engine can drain."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["graceful_stop"]


@contextlib.contextmanager
def graceful_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    """
    While open, SIGINT and SIGTERM set `stop` instead of raising; the old handlers come back after.

    Signals reach the main thread only; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
