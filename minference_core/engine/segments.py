"""
One run's files in a journal's folder: appended to durably, and followed by a next one when one is large.

Blocks on the disk: whoever is on an event loop calls it from a thread, one call at a time.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from minference_core.engine.journal_files import first_name, mend_tails, name_after

__all__ = ["RESERVE_BYTES", "SEGMENT_BYTES", "Segments"]

# Small enough that a damaged, copied or hand-mended file is a fiftieth of a million requests', large enough
# that those are some fifty files. A reader opens one at a time.
SEGMENT_BYTES = 64 * 1024 * 1024

# Kept free for the answers to what is in flight when the disk fills: 1,024 of 16 kB.
RESERVE_BYTES = 16 * 1024 * 1024

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_CANNOT_RESERVE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


class Segments:
    """
    The files of one run; the folder's lock is the caller's to hold.

    Attributes:
        path: The file that is written to, or was last; the folder before there is one.
        full: Why the reserve had to be given up, once it was: what is in flight may still be written
            down, and nothing more should be sent.
    """

    def __init__(self, folder: Path, run_id: str, *, segment_bytes: int, reserve_bytes: int) -> None:
        self._folder = folder
        self._run_id = run_id
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._reserve = folder / ".reserve"
        self._file: int | None = None
        self._size = 0
        self.path = folder
        self.full: OSError | None = None

    def open(self) -> None:
        """
        Make the folder fit to be written: mend what a crash left, and keep some room free.

        Raises:
            OSError: It cannot be written, or there is no room.
        """
        mend_tails(self._folder)
        try:
            _reserve(self._reserve, self._reserve_bytes)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            raise

    def append(self, lines: Sequence[bytes]) -> None:
        """
        Return when the lines are on disk, all of them in one file.

        Raises:
            OSError: They are not; as far as the disk allows, nothing of them is.
        """
        data = b"".join(lines)
        try:
            self._append(data)
        except OSError as exc:
            if exc.errno not in _NO_ROOM or self.full is not None:
                raise
            self.full = exc
            self._reserve.unlink(missing_ok=True)
            self._append(data)

    def close(self) -> None:
        """Close the file, and give the reserve back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        if self._file is None or (self._size and self._size + len(data) > self._segment_bytes):
            self._next_file()
        assert self._file is not None  # noqa: S101 (there is one now)
        _write_durably(self._file, data)
        self._size += len(data)

    def _next_file(self) -> None:
        """Its name is on disk before anything in it counts."""
        if self._file is None:
            name = first_name(self._folder, self._run_id, now=datetime.now(UTC))
        else:
            name = name_after(self.path.name)
        path = self._folder / name
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        try:
            _sync_names(self._folder)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        if self._file is not None:
            os.close(self._file)
        self._file, self.path, self._size = file, path, 0


def _reserve(path: Path, size: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        if size:
            os.posix_fallocate(file, 0, size)
    except OSError as exc:
        if exc.errno not in _CANNOT_RESERVE:
            raise
    finally:
        os.close(file)


def _sync_names(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_durably(file: int, data: bytes) -> None:
    """All of it or, as far as the disk allows, none: half a line must not be followed by another."""
    before = os.fstat(file).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):  # what stays is a torn tail, which the next run cuts off
            os.ftruncate(file, before)
        raise
