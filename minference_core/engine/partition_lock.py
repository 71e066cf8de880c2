"""
The lock on a partition's journal: one process at a time, and it says who.

The lock is the operating system's and dies with its process. Beside it lies a file with its holder's
details, locked by the holder in the same way: so details that a dead process left are told from true ones.
"""

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from minference_core.errors import JournalBusy

__all__ = ["PartitionLock"]


class PartitionLock:
    """One folder's lock; nothing is locked before `acquire`."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        # A soft lock would outlive a killed run.
        self._lock = FileLock(folder / ".lock", fallback_to_soft=False)
        self._details = folder / ".lock.holder"
        self._held: int | None = None

    def acquire(self) -> None:
        """
        Take the lock, without waiting.

        Raises:
            JournalBusy: Another run has it; the message says who, as far as it can be known.
            OSError: The folder cannot be written.
        """
        try:
            self._lock.acquire(blocking=False)
        except Timeout as exc:
            raise JournalBusy(_busy(self._folder, _holder(self._details))) from exc
        try:
            self._sign()
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let go of it; nothing happens if it is not held."""
        if self._held is not None:
            self._details.unlink(missing_ok=True)
            os.close(self._held)
            self._held = None
        self._lock.release()

    def _sign(self) -> None:
        """Put down who holds it: written aside and locked first, so whatever is found there is whole."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        said = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "run_id": self._run_id}
        aside = self._details.with_name(f"{self._details.name}.tmp")
        self._held = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._held, json.dumps(said).encode() + b"\n")
        aside.replace(self._details)


def _holder(details: Path) -> dict[str, Any] | None:
    """Who holds the lock; None while that is not known: who signed is gone, and the next has not signed."""
    try:
        with details.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = json.loads(file.read())
                return said if isinstance(said, dict) else None
    except (OSError, ValueError):
        return None
    return None


def _busy(folder: Path, holder: dict[str, Any] | None) -> str:
    if holder is None:
        return f"{folder} is being written by another run: wait for it to end, or stop it"
    pid, host = holder.get("pid"), holder.get("host")
    where = f"process {pid} on {host}, since {holder.get('since')}, run {holder.get('run_id')}"
    return (
        f"{folder} is being written by another run ({where}): wait for it to end, or stop it "
        f"(kill {pid}); what it has answered is kept either way"
    )
