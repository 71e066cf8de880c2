"""
The engines of an orchestrator, open for as long as anyone on an event loop asks with them.

All runs of one loop share them; the limits are shared through the ledger, whatever the loop or process.
"""

import asyncio
import logging
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from minference_core.engine import (
    Admission,
    Engine,
    Gate,
    History,
    Journal,
    Lane,
    Ledger,
    Purse,
    RunStats,
    Spending,
    Transport,
    holder_of,
    put_right,
)
from minference_core.threads import OwnPrice

__all__ = ["Session", "Sessions"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Session:
    """
    What the runs of one loop share: connections, a journal, and the pace of each lane.

    Attributes:
        widths: By client, how many requests a lane takes at once; `slots` holds all runs to it.
        listed: How often a version has been asked.
        undelivered: Whether an answer in the journal has not reached its thread.
    """

    lanes: Mapping[str, Lane]
    widths: Mapping[str, int]
    transports: Mapping[str, Transport]
    admissions: Mapping[str, Admission]
    slots: Mapping[str, asyncio.Semaphore]
    journal: Journal
    history: History
    run_id: str
    prices: Mapping[str, OwnPrice]
    listed: Counter[UUID] = field(default_factory=Counter)
    undelivered: bool = False

    def engine(self, client: str, stop: asyncio.Event) -> Engine:
        """An engine for one run: what stops that, or its lane, stops no other."""
        return Engine(
            self.lanes[client],
            self.transports[client],
            self.journal,
            self.history,
            RunStats(prices=self.prices),
            self.admissions[client],
            run_id=self.run_id,
            stop=stop,
        )


@dataclass(slots=True)
class _Shared:
    """One loop's session and how many runs use it."""

    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    session: Session | None = None
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)


class Sessions:
    """The sessions of one orchestrator, one for each event loop that it is used on."""

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        cache_folder: Path,
        *,
        keep: bool,
        max_in_flight: int,
        ledger_url: str | None,
        spending: Spending,
    ) -> None:
        """
        Args:
            lanes: By client.
            cache_folder: Where the journals of answers go, in a folder of this orchestrator's own.
            keep: Leave them there; without it they are deleted once their answers are delivered.
            max_in_flight: Requests at once on a lane that does not say itself.
            ledger_url: Where limits and budgets are shared with other processes; None shares nothing.
        """
        self._lanes = lanes
        self._keep = keep
        self._max_in_flight = max_in_flight
        self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
        self._cache_folder = cache_folder
        self._guard = threading.Lock()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()
        self._spending = spending
        self._ledger = Ledger(ledger_url)
        weakref.finalize(self, self._ledger.close)

    @property
    def folder(self) -> Path:
        """Where this orchestrator's journals are."""
        return self._cache_folder / self._name

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Session]:
        """
        The session of the running loop.

        Raises:
            JournalError: The cache folder cannot be written.
        """
        shared = self._shared()
        async with shared.changing:
            if shared.session is None:
                shared.session = await shared.closing.enter_async_context(self._opened())
            session = shared.session
            shared.users += 1
        try:
            yield session
        except BaseException:
            session.undelivered = True
            raise
        finally:
            async with shared.changing:
                shared.users -= 1
                if shared.users == 0:
                    shared.session = None
                    await shared.closing.aclose()

    def _shared(self) -> _Shared:
        with self._guard:
            loop = asyncio.get_running_loop()
            if loop not in self._by_loop:
                self._by_loop[loop] = _Shared()
            return self._by_loop[loop]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Session]:
        run_id = uuid4().hex
        folder = self.folder / run_id  # its own, as a journal has one writer
        widths = {
            client: lane.limits.max_in_flight or self._max_in_flight for client, lane in self._lanes.items()
        }
        async with AsyncExitStack() as opened:
            purse = Purse(self._ledger, holder_of(folder, run_id), self._spending.budgets)
            await opened.enter_async_context(purse)
            if purse.budgets:
                await put_right(self._ledger, self._cache_folder)
            gates = {
                client: await opened.enter_async_context(
                    Gate(lane, self._ledger, max_in_flight=widths[client])
                )
                for client, lane in self._lanes.items()
            }
            session = Session(
                lanes=self._lanes,
                widths=widths,
                transports={
                    client: await opened.enter_async_context(Transport(timeout_s=lane.timeout_s))
                    for client, lane in self._lanes.items()
                },
                admissions={c: Admission(gate, purse, self._spending) for c, gate in gates.items()},
                slots={client: asyncio.Semaphore(width) for client, width in widths.items()},
                journal=await opened.enter_async_context(Journal(folder, run_id)),
                history=History(folder),
                run_id=run_id,
                prices=self._spending.prices,
            )
            yield session
        if session.undelivered and not self._keep:
            log.warning("answers that were not delivered are in %s", folder)
        elif not self._keep:
            self._clear_away(folder)

    def _clear_away(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
