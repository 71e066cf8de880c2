"""
One small SQL database that all processes share: SQLite in WAL mode, or PostgreSQL for several machines.

A question is one transaction, asked on a thread of the ledger's own; nobody polls it. The times that it
answers with are on this process's monotonic clock, whatever clock the database has.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import StaticPool

from minference_core.engine.ledger import budgets, lanes
from minference_core.engine.ledger.orders import Booking, Order, Room, Takings
from minference_core.engine.ledger.processes import Process
from minference_core.engine.ledger.tables import METADATA
from minference_core.errors import LedgerError

__all__ = ["Ledger"]

T = TypeVar("T")

# How long a transaction waits for others to end theirs; each takes about a millisecond.
_PATIENCE_S = 30.0
# How long to leave a server alone that is being started again; it is given the same patience in all.
_RECONNECT_S = 0.5
_CONNECT_S = 10
# Two processes may write the first row of a lane or a budget at the same moment; the next try finds it.
_RACES = 3
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Ledger:
    """An open ledger; close it, or enter it as a context."""

    def __init__(self, url: str | None = None) -> None:
        """
        Args:
            url: An SQLAlchemy URL; None is a ledger of this object's own, in memory, that shares nothing.
        """
        self._url = url or "sqlite://"
        self._me = Process.own()
        self.holder = self._me.name(uuid.uuid4().hex)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minference-ledger")
        self._connection: sa.Connection | None = None
        self._was_there = False
        self._closing = False
        self._away_since: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what this process holds of lanes, and let go of the database."""
        self._closing = True
        with contextlib.suppress(RuntimeError):  # the interpreter is nearly gone, and what it held with it
            self._thread.submit(self._leave_and_disconnect).result()
        self._thread.shutdown()

    async def order(self, order: Order) -> Booking:
        """
        Tell what became of earlier requests of a lane, and book the next ones.

        Raises:
            LedgerError: The database cannot be reached or written.
        """
        holder = f"{self.holder}{order.gate}"
        return await self._ask(lambda connection: lanes.serve(connection, self._clock, holder, order))

    async def leave(self, gate: str) -> None:
        """Give back a gate's requests in flight: it is not used any more."""
        await self._ask(lambda connection: lanes.leave(connection, f"{self.holder}{gate}"))

    async def reserve(self, wish: budgets.Wish) -> Room:
        """
        Set aside what a request may cost.

        Raises:
            LedgerError: The database cannot be reached or written.
        """
        return await self._ask(lambda connection: budgets.reserve(connection, self._clock, self._me, wish))

    async def finish(self, holder: str, scopes: Sequence[budgets.Scope], spent: Takings) -> None:
        """Close a run's books: what it set aside is free, `spent` is what it has not told yet."""
        await self._ask(lambda connection: budgets.finish(connection, holder, scopes, spent))

    async def correct(self, holder: str, spent: Mapping[date, Takings]) -> None:
        """Of a run that died, its journal knows what it really spent, and on which day."""
        await self._ask(lambda connection: budgets.correct(connection, holder, spent))

    async def open_holdings(self) -> dict[str, bool]:
        """The holders whose books are open, and whether they are still there."""
        return await self._ask(lambda connection: budgets.open_holdings(connection, self._clock))

    async def balances(self, prefix: str = "") -> list[budgets.Balance]:
        """What is spent and set aside of each budget whose scope begins so."""
        return await self._ask(lambda connection: budgets.balances(connection, prefix))

    async def _ask(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        """
        Do some work, over a new connection if the server let go of the one there was.

        If that was while it committed, the work may be done twice. What was spent is then counted twice,
        which exceeds no budget, and what was booked is booked twice; of a lane's limits, what a second's
        answers used less than was booked can be given back twice. A server that was away for longer than
        lanes.ALIVE_S finds all silent: who is back first may get slots that others still have in use.
        """
        while True:
            try:
                done = self._transact_once(work)
            except (DBAPIError, OSError) as exc:
                if not self._may_come_back(exc) or self._closing or not self._is_patient():
                    raise LedgerError(f"{self._shown()}: {_words(exc)}") from exc
            else:
                self._away_since = None
                return done
            self._disconnect()
            time.sleep(_RECONNECT_S)

    def _is_patient(self) -> bool:
        """Whether a server has not been away for so long that all who wait for it are told."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        return now - self._away_since < _PATIENCE_S

    def _transact_once(self, work: Callable[[sa.Connection], T]) -> T:
        connection = self._connection = self._connection or self._connect()
        for _ in range(_RACES):
            with contextlib.suppress(IntegrityError), connection.begin():
                return work(connection)
        with connection.begin():
            return work(connection)

    def _may_come_back(self, exc: Exception) -> bool:
        """Whether a server that had answered let go of us, or is not there again yet."""
        if self._connection is not None:
            return isinstance(exc, DBAPIError) and exc.connection_invalidated
        return self._was_there and isinstance(exc, OperationalError)

    def _connect(self) -> sa.Connection:
        try:
            url = make_url(self._url)
            engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _server(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as exc:
            raise LedgerError(
                f"{self._shown()}: {exc}. For PostgreSQL, install minference[postgres]"
            ) from exc
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(engine.dispose)
            connection = on_failure.enter_context(engine.connect())
            _create_tables(connection)
            self._clock = _clock(connection)
            on_failure.pop_all()
        self._was_there = True
        return connection

    def _leave_and_disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(LedgerError):  # others see by themselves that it is gone
                self._transact(lambda connection: lanes.leave(connection, self.holder))
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()
            self._connection = None

    def _shown(self) -> str:
        """The URL without its password."""
        try:
            return f"the ledger {make_url(self._url).render_as_string(hide_password=True)}"
        except ArgumentError:
            return "the ledger's URL (MINFERENCE_LEDGER_URL)"


def _server(url: sa.URL) -> sa.Engine:
    given = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_S}
    return sa.create_engine(url, connect_args=given if url.get_backend_name() == "postgresql" else {})


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    # One connection, used by the ledger's own thread and nobody else.
    engine = sa.create_engine(
        url, poolclass=StaticPool, connect_args={"timeout": _PATIENCE_S, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # pysqlite begins nothing by itself: BEGIN IMMEDIATE below does
        # One write ahead log, no fsync for each commit: a process that dies loses nothing by it.
        for pragma in ("journal_mode = wal", "synchronous = normal"):
            connection.execute(f"pragma {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("begin immediate")

    return engine


def _create_tables(connection: sa.Connection) -> None:
    try:
        with connection.begin():
            METADATA.create_all(connection)
    except DBAPIError:  # another process has just made them
        with connection.begin():
            METADATA.create_all(connection)


def _clock(connection: sa.Connection) -> Callable[[], lanes.Now]:
    """
    A clock that all who share the database agree on.

    On one machine the time since it was started, which nobody can set; a reboot gives it another name.
    """
    if connection.dialect.name != "sqlite":
        statement = sa.text("select extract(epoch from clock_timestamp())")

        def by_server() -> lanes.Now:
            return lanes.Now(float(connection.execute(statement).scalar_one()), time.monotonic(), "server")

        return by_server
    if _BOOT_ID.exists():
        name = _BOOT_ID.read_text().strip()
        return lambda: lanes.Now(now := time.monotonic(), now, name)
    return lambda: lanes.Now(time.time(), time.monotonic(), "wall")


def _words(exc: Exception) -> str:
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    return str(cause).strip() or type(cause).__name__
