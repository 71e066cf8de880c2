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
    While open, the first SIGINT or SIGTERM sets `stop` instead of raising; the old handlers come back after.

    A second one is for whoever does not want to wait for what is in flight: it does what it would have done
    without us. What is on disk stays, and what is not is asked again by the next run.

    Signals reach the main thread only; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = False

    def give_back() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def hear(number: signal.Signals) -> None:
        nonlocal heard
        if heard:
            give_back()
            signal.raise_signal(number)
        heard = True
        stop.set()

    for number in before:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        give_back()
