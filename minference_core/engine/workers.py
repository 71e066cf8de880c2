"""The tasks of a run: their progress, their errors, and their end on request."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from minference_core.engine.engine import Engine
from minference_core.errors import MinferenceError

__all__ = ["GRACE_S", "Workers"]

log = logging.getLogger(__name__)

# How long a stop waits for answers that are on their way; they are paid for either way.
GRACE_S = 60.0
_PROGRESS_EVERY_S = 0.5


class Workers:
    """Tasks that ask engines; after a stop those that wait are let go, those that have sent get the grace."""

    def __init__(self, stop: asyncio.Event, grace_s: float = GRACE_S) -> None:
        self._stop = stop
        self._grace_s = grace_s
        self._tasks: dict[asyncio.Task[None], Engine] = {}

    def add(self, engine: Engine, work: Coroutine[None, None, None]) -> None:
        self._tasks[asyncio.create_task(work)] = engine

    async def finish(self, tick: Callable[[], None]) -> None:
        """
        Wait for all of them. After an error nothing more is sent, and what is in flight gets the grace.

        Args:
            tick: Called twice a second, and once at the end.

        Raises:
            MinferenceError: What a worker ran into.
        """
        helpers = [asyncio.create_task(self._tick(tick)), asyncio.create_task(self._drain())]
        try:
            if self._tasks:
                _, others = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
                if others:
                    self._stop.set()
                    await asyncio.wait(others)
        finally:
            for task in (*self._tasks, *helpers):
                task.cancel()
            ended = await asyncio.gather(*self._tasks, *helpers, return_exceptions=True)
        errors = [e for e in ended if isinstance(e, Exception)]
        for error in sorted(errors, key=lambda e: not isinstance(e, MinferenceError)):
            raise error
        _told(tick)

    async def _drain(self) -> None:
        await self._stop.wait()
        for task, engine in self._tasks.items():
            if task not in engine.sending:
                task.cancel()
        await asyncio.sleep(self._grace_s)
        for task in self._tasks:
            task.cancel()

    async def _tick(self, tick: Callable[[], None]) -> None:
        while True:
            _told(tick)
            await asyncio.sleep(_PROGRESS_EVERY_S)


def _told(tick: Callable[[], None]) -> None:
    try:
        tick()
    except Exception:  # whoever watches must not be able to end what is paid for
        log.exception("the progress could not be told")
