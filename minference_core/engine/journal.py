"""
The journal: what is about to be sent, then what came back, durable before anyone acts on it.

JSON Lines files in the partition's folder (`journal_files.py`, `segments.py`). Records are written in groups:
whoever waits for a record waits for the fsync of its group. What is in a record is `records.py`.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from minference_core.engine.partition_lock import PartitionLock
from minference_core.engine.segments import RESERVE_BYTES, SEGMENT_BYTES, Segments
from minference_core.errors import JournalError, unwritable

__all__ = ["Journal"]

# At most one fsync in this many seconds, unless a group is full (DESIGN: 50 ms or 256 records).
_COMMIT_INTERVAL_S = 0.05
_GROUP = 256


class Journal:
    """One run's files in one partition's folder; the folder is this process's while it is open."""

    def __init__(
        self,
        folder: Path,
        run_id: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """
        Args:
            segment_bytes: A file that would grow beyond it is followed by another.
            reserve_bytes: Room on the disk for the answers to what is in flight when the rest is full.
        """
        self._folder = folder
        self._lock = PartitionLock(folder, run_id)
        self._segments = Segments(folder, run_id, segment_bytes=segment_bytes, reserve_bytes=reserve_bytes)
        # Its own: others may fill the threads that all share, and an answer must not wait for them.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minference-journal")
        self._lines: list[bytes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._answers = 0
        self._planned: asyncio.Handle | None = None
        self._committing: asyncio.Future[None] | None = None
        self._begun = float("-inf")
        self._broken: str | None = None
        self._full: str | None = None

    async def __aenter__(self) -> Self:
        """
        Raises:
            JournalBusy: Another process has this partition's journal.
            JournalError: The folder cannot be written.
        """
        self._loop = asyncio.get_running_loop()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            await self._loop.run_in_executor(self._thread, self._segments.open)
        except OSError as exc:
            self._close()
            raise JournalError(unwritable(self._folder, exc, "Nothing was sent")) from exc
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            while self._lines or self._committing is not None:
                self._commit()
                if self._committing is not None:
                    await asyncio.wait([self._committing])
        finally:
            self._close()

    async def write(self, record: dict[str, Any]) -> None:
        """
        Return when the record is on disk.

        Raises:
            JournalError: It could not be written; nothing more may be sent.
        """
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        refused = self._broken or (self._full if record["kind"] == "intent" else None)
        if refused is not None:
            raise JournalError(refused)
        # One for each record: a waiter that is cancelled takes nobody else's commit with it.
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._lines.append(line)
        self._waiters.append(waiter)
        self._plan()
        await waiter
        self._answers += record["kind"] == "outcome"

    def _plan(self) -> None:
        """See to it that what waits is committed: at once if it is a group or nothing was for a while."""
        if self._committing is not None:
            return  # its end looks again
        if len(self._lines) >= _GROUP:
            self._commit()
        elif self._planned is None:
            wait_s = self._begun + _COMMIT_INTERVAL_S - self._loop.time()
            call = self._loop.call_later
            self._planned = call(wait_s, self._commit) if wait_s > 0 else self._loop.call_soon(self._commit)

    def _commit(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        if self._committing is not None or not self._lines:
            return
        lines, self._lines = self._lines, []
        waiters, self._waiters = self._waiters, []
        self._begun = self._loop.time()
        try:
            self._committing = self._loop.run_in_executor(self._thread, self._segments.append, lines)
        except RuntimeError as exc:  # no thread can be started
            self._fail(waiters, exc)
        else:
            self._committing.add_done_callback(partial(self._committed, waiters))

    def _committed(self, waiters: Sequence["asyncio.Future[None]"], commit: "asyncio.Future[None]") -> None:
        self._committing = None
        error = RuntimeError("its thread was taken away") if commit.cancelled() else commit.exception()
        if error is not None:
            self._fail(waiters, error)
        else:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if self._segments.full is not None and self._full is None:
            self._full = self._says(self._segments.full)
        if self._lines:
            self._plan()

    def _fail(self, waiters: Sequence["asyncio.Future[None]"], error: BaseException) -> None:
        """These, whoever waits behind them, and everything from here on."""
        self._broken = self._says(error)
        self._lines, behind, self._waiters = [], self._waiters, []
        for waiter in (*waiters, *behind):
            if not waiter.done():
                waiter.set_exception(JournalError(self._broken))

    def _says(self, error: BaseException) -> str:
        kept = f"The {self._answers} answers that this run had written, and all earlier ones, are kept"
        return unwritable(self._segments.path, error, kept)

    def _close(self) -> None:
        self._thread.shutdown()
        try:
            self._segments.close()
        finally:
            self._lock.release()
