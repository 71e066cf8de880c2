"""
A journal's files: their names, their lines, and mending what a crash left of the last line.

    <started>-<run>-<number>.jsonl     sorted by name they are in the order of writing, across runs, too

Files without a number are of earlier versions. What is in a line is `records.py`.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from minference_core.errors import JournalError

__all__ = [
    "Line",
    "damaged",
    "first_name",
    "journal_files",
    "mend_tails",
    "name_after",
    "read_journal",
    "read_lines",
    "record_in",
]

_KINDS = frozenset({"intent", "outcome", "refused", "reused", "tool"})
_STARTED = "%Y%m%dT%H%M%S%f"
_NAME = re.compile(r"(?P<started>\d{8}T\d{12})-(?P<run>.+?)(?:-(?P<number>\d{4}))?\.jsonl")
_LAST_NUMBER = 9_999
_READ_BACK = 65_536


class Line(NamedTuple):
    """One whole line of a journal: its number from 1, its offset in bytes, and the line, newline and all."""

    number: int
    offset: int
    text: bytes


def first_name(folder: Path, run_id: str, *, now: datetime) -> str:
    """A name for a run's first file that sorts after all there are, whatever the clock says by now."""
    return _name(_started_after(journal_files(folder), now), run_id[:8], 1)


def name_after(name: str) -> str:
    """The name of a run's next file."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise ValueError(f"{name} is not the name of a run's journal")
    number = int(parts["number"] or 0) + 1
    if number > _LAST_NUMBER:  # one digit more would sort before the others
        return _name(_started_after([Path(name)], datetime.now(UTC)), parts["run"], 1)
    return f"{parts['started']}-{parts['run']}-{number:04d}.jsonl"


def journal_files(folder: Path) -> list[Path]:
    """A partition's journals, oldest first."""
    return sorted(folder.glob("*.jsonl"))


def read_lines(path: Path) -> Iterator[Line]:
    """Every whole line; a torn last one is left out: nothing was done on its strength."""
    offset = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if text.endswith(b"\n"):
                yield Line(number, offset, text)
            offset += len(text)


def read_journal(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """
    Every record with its offset and length in bytes; a torn last line is left out.

    Raises:
        JournalError: A line that is not the last is not one of ours.
    """
    for number, offset, text in read_lines(path):
        record = record_in(text)
        if record is None:
            raise damaged(path, number)
        yield offset, len(text), record


def record_in(line: bytes) -> dict[str, Any] | None:
    """The record that a line is; None if it is not one of ours."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    named = isinstance(record, dict) and record.get("kind") in _KINDS
    return record if named and {"lineage_id", "request_key", "attempt"} <= record.keys() else None


def damaged(path: Path, number: int) -> JournalError:
    """The error that names a line nobody can read."""
    return JournalError(
        f"{path} line {number} is damaged. Repair or move the file; "
        f"answers in it are asked for again if it is moved"
    )


def mend_tails(folder: Path) -> None:
    """
    Cut off what a crash left of a file's last line, durably. Only whoever holds the folder's lock may.

    Raises:
        OSError: A file cannot be read or cut.
    """
    for path in journal_files(folder):
        if (whole := _whole_bytes(path)) != path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())


def _whole_bytes(path: Path) -> int:
    """How much of a file is whole lines, found from its end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _READ_BACK)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
    return 0


def _name(started: datetime, run: str, number: int) -> str:
    return f"{started.strftime(_STARTED)}-{run}-{number:04d}.jsonl"


def _started_after(files: list[Path], now: datetime) -> datetime:
    latest = max((parts["started"] for path in files if (parts := _NAME.fullmatch(path.name))), default=None)
    if latest is None:
        return now
    just_after = datetime.strptime(latest, _STARTED).replace(tzinfo=UTC) + timedelta(microseconds=1)
    return max(now, just_after)
