"""
The journal: what is about to be sent, then what came back, durable before anyone acts on it.

One JSON Lines file per run in the partition's folder. Records are written in groups: whoever waits
for a record waits for the fsync of its group. What is in a record is `records.py`.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from filelock import FileLock, Timeout

from minference_core.errors import JournalBusy, JournalError

__all__ = ["Journal"]

# At most one fsync in this many seconds, unless a group is full (DESIGN: 50 ms or 256 records).
_COMMIT_INTERVAL_S = 0.05
_GROUP = 256


class Journal:
    """One run's file in one partition's folder; the folder is this process's while it is open."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        self._lock = FileLock(
            folder / ".lock", fallback_to_soft=False
        )  # a soft lock would outlive a killed run
        # Its own: others may fill the threads that all share, and an answer must not wait for them.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minference-journal")
        self._waiting: list[bytes] = []
        self._group: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._broken: str | None = None

    async def __aenter__(self) -> Self:
        """
        Raises:
            JournalBusy: Another process has this partition's journal.
            JournalError: The folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
            self._file = self._open()
        except Timeout as exc:
            raise JournalBusy(
                f"{self._folder} is being written by another run: wait for it to end, or stop it"
            ) from exc
        except OSError as exc:
            self._lock.release()
            raise JournalError(f"{self._folder} cannot be written: {exc}") from exc
        self._writer = asyncio.create_task(self._commit_groups())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._closing = True
        self._wake.set()
        self._full.set()
        try:
            await self._writer
        finally:
            self._thread.shutdown()
            try:
                if self._path.exists() and self._path.stat().st_size == 0:
                    self._path.unlink()
            finally:
                os.close(self._file)
                self._lock.release()

    async def write(self, record: dict[str, Any]) -> None:
        """
        Return when the record is on disk.

        Raises:
            JournalError: It could not be written; nothing more may be sent.
        """
        self._waiting.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        if self._group is None:
            self._group = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= _GROUP:
            self._full.set()
        self._wake.set()
        # Shielded: one waiter that is cancelled must not take the others' commit with it.
        await asyncio.shield(self._group)

    async def _commit_groups(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            lines, self._waiting = self._waiting, []
            group, self._group = self._group, None
            self._full.clear()
            if group is not None:
                await self._commit(lines, group)
            if self._closing and not self._waiting:
                return
            if not self._closing:
                await self._pause()

    async def _commit(self, lines: list[bytes], group: "asyncio.Future[None]") -> None:
        try:
            if self._broken is None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, _write_durably, self._file, b"".join(lines))
        except Exception as exc:  # noqa: BLE001 (a group that is never settled would hang every waiter)
            self._broken = f"{self._path} cannot be written: {exc}"
        if self._broken is None:
            group.set_result(None)
        else:
            group.set_exception(JournalError(self._broken))
            group.exception()  # seen here, as there may be no waiter left to see it

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._full.wait(), _COMMIT_INTERVAL_S)
        except TimeoutError:
            return

    def _open(self) -> int:
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        self._path = self._folder / f"{started}-{self._run_id[:8]}.jsonl"
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # the file's name, too, must survive
        finally:
            os.close(folder)
        return file


def _write_durably(file: int, data: bytes) -> None:
    """All of it or, as far as the disk allows, none: half a line must not be followed by another."""
    before = os.fstat(file).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise
