"""Running a simulator without an event loop of one's own: in a thread, or until told to stop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from minference_core.simulator.server import Simulator
from minference_core.simulator.settings import SimulatorSettings

__all__ = ["serve", "simulator_in_thread"]


async def serve(settings: SimulatorSettings) -> None:
    """Run until cancelled."""
    async with Simulator(settings):
        await asyncio.Event().wait()


@contextmanager
def simulator_in_thread(settings: SimulatorSettings | None = None) -> Iterator[str]:
    """A simulator in a thread with its own event loop, for code that has none; gives its URL."""
    started = threading.Event()
    running = _Running(Simulator(settings), started)
    thread = threading.Thread(target=running.run, name="simulator", daemon=True)
    thread.start()
    started.wait()
    if running.error is not None:
        thread.join()
        raise running.error
    try:
        yield running.simulator.url
    finally:
        running.stop()
        thread.join()


class _Running:
    """What the two threads share."""

    def __init__(self, simulator: Simulator, started: threading.Event) -> None:
        self.simulator = simulator
        self.error: OSError | None = None  # the port is taken, the log cannot be written
        self._started = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self.error = error
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        async with self.simulator:
            self._started.set()
            await self._over.wait()

    def stop(self) -> None:
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
