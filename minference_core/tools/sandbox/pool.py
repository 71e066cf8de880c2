"""
The processes of all tools made from text: which are at hand, and how many there may be.

A text never shares a process with another one. Starting one costs a sixth of a second, so it is kept for
the next call; what a call leaves behind in it may or may not be there in the next.
"""

import asyncio
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from minference_core.tools.sandbox.limits import SandboxLimits
from minference_core.tools.sandbox.process import ToolProcess
from minference_core.tools.sandbox.turns import Turns

__all__ = ["ProcessPool", "pool"]

# Calls under way at once: of all texts, and of one.
_AT_ONCE = 8
_OF_ONE_TEXT = 4
# Processes kept for the next call, about 30 MB each.
_KEPT = 4

_Key = tuple[str, SandboxLimits]


class ProcessPool:
    """
    Runs texts, each in processes of its own; may be used from any thread and any event loop.

    Args:
        kept: How many processes are kept for the next call.
    """

    def __init__(self, *, kept: int = _KEPT) -> None:
        self._kept = kept
        self._turns: Turns[dict[str, Any]] = Turns(at_once=_AT_ONCE, of_one=_OF_ONE_TEXT)
        self._lock = threading.Lock()
        self._idle: list[tuple[_Key, ToolProcess]] = []  # oldest first

    def ask(
        self, key: _Key, do: str, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Ask a process of that text when it is its turn, and wait; see `ToolProcess.ask`."""
        call = _Call()
        try:
            return self._submit(call, key, do, arguments, called, timeout_s).result()
        except BaseException:  # Ctrl-C, above all
            call.give_up()
            raise

    async def aask(
        self, key: _Key, do: str, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """As `ask`; a caller that is cancelled ends the call."""
        call = _Call()
        try:
            return await asyncio.wrap_future(self._submit(call, key, do, arguments, called, timeout_s))
        except asyncio.CancelledError:
            call.give_up()
            raise

    def _submit(
        self,
        call: "_Call",
        key: _Key,
        do: str,
        arguments: Mapping[str, Any],
        called: str,
        timeout_s: float | None,
    ) -> Future[dict[str, Any]]:
        work = partial(self._ask, call, key, do, arguments, called=called, timeout_s=timeout_s)
        return self._turns.submit(key[0], work)

    def _ask(
        self,
        call: "_Call",
        key: _Key,
        do: str,
        arguments: Mapping[str, Any],
        *,
        called: str,
        timeout_s: float | None,
    ) -> dict[str, Any]:
        process = self._take(key) or ToolProcess(*key, called=called)
        call.begin(process)
        try:
            return process.ask(do, arguments, called=called, timeout_s=timeout_s)
        finally:
            call.end()
            self._put_back(key, process)

    def _take(self, key: _Key) -> ToolProcess | None:
        with self._lock:
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == key:
                    process = self._idle.pop(place)[1]
                    if process.is_usable:
                        return process
                    process.close()
        return None

    def _put_back(self, key: _Key, process: ToolProcess) -> None:
        if not process.is_usable:
            process.close()
            return
        with self._lock:
            self._idle.append((key, process))
            superfluous = [old for _, old in self._idle[: -self._kept]]
            del self._idle[: -self._kept]
        for old in superfluous:
            old.close()


class _Call:
    """One call under way, for those who may want to end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: ToolProcess | None = None
        self._given_up = False

    def begin(self, process: ToolProcess) -> None:
        with self._lock:
            self._process = process
            if self._given_up:
                process.kill()

    def end(self) -> None:
        with self._lock:
            self._process = None

    def give_up(self) -> None:
        """Kill the process the call runs in; nothing happens when it is over."""
        with self._lock:
            self._given_up = True
            if self._process is not None:
                self._process.kill()


class _Current:
    pool: ProcessPool | None = None
    lock = threading.Lock()


def pool() -> ProcessPool:
    """The one of this process."""
    with _Current.lock:
        if _Current.pool is None:
            _Current.pool = ProcessPool()
        return _Current.pool


def _after_fork() -> None:
    _Current.pool = None
    _Current.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
