"""
What has been decided of single conversations since their specs were written: to be asked again, and how.

Kept beside the journal, in a file that only grows: what it orders cannot be made again. An amendment is of
one generation of the partition; a later, fresh one has none of it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from minference_core import ids
from minference_core.errors import ErrorClass, JournalError

__all__ = ["NO_AMENDMENTS", "Amendment", "Amendments"]

_FILE = "amendments.ndjson"  # not .jsonl: those are the journals

_Name = tuple[str, int]  # thread_key, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """
    One conversation, asked again.

    Attributes:
        of: The generation of the partition that it amends.
        generation: Its answers' own, so that none from before is taken for one of them.
        request_key: The request from which on it is asked again, what came before it stays; None for all.
        config: What is different in its config from then on; only where all of it is asked again.
        ended: How the conversation had ended.
        at: When that was decided, UTC.
        run_id: The run that decided it.
    """

    thread_key: str
    sample: int
    of: int
    generation: int
    request_key: UUID | None
    config: Mapping[str, Any] = field(default_factory=dict)
    ended: ErrorClass
    at: datetime
    run_id: str

    @property
    def name(self) -> _Name:
        return self.thread_key, self.sample


@dataclass(frozen=True, slots=True)
class Amendments:
    """A partition's amendments, by conversation, each one's in the order they were made."""

    by_name: Mapping[_Name, Sequence[Amendment]] = field(default_factory=dict)

    @classmethod
    def read(cls, journal: Path) -> "Amendments":
        """
        Args:
            journal: The partition's journal folder.

        Raises:
            JournalError: The file holds a line that is not one of ours.
        """
        found: dict[_Name, list[Amendment]] = {}
        for amendment in _lines(journal / _FILE):
            found.setdefault(amendment.name, []).append(amendment)
        return cls(found)

    def of(self, thread_key: str, sample: int) -> Sequence[Amendment]:
        return self.by_name.get((thread_key, sample), ())

    @property
    def newest(self) -> int:
        """The highest generation that one has; -1 where there is none."""
        return max((one.generation for some in self.by_name.values() for one in some), default=-1)

    @property
    def fingerprint(self) -> str | None:
        """The same while none is added; None where there is none."""
        if not self.by_name:
            return None
        said = [_said(one) for name in sorted(self.by_name) for one in self.by_name[name]]
        return str(ids.hash_uuid("amendments", said))

    @staticmethod
    def add(journal: Path, amendments: Iterable[Amendment]) -> None:
        """
        Write amendments down, all of them on disk when this returns.

        Raises:
            JournalError: They cannot be written; none of them counts.
        """
        try:
            journal.mkdir(parents=True, exist_ok=True)
            _append(journal / _FILE, b"".join(map(_line, amendments)))
        except OSError as exc:
            raise JournalError(f"{journal / _FILE} cannot be written: {exc.strerror}") from exc


NO_AMENDMENTS = Amendments()


def _append(path: Path, lines: bytes) -> None:
    """All of them or, as far as the disk allows, none."""
    with path.open("ab", buffering=0) as file:
        before = _whole(path)
        file.truncate(before)
        try:
            left = memoryview(lines)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise


def _line(amendment: Amendment) -> bytes:
    return orjson.dumps(_said(amendment), option=orjson.OPT_APPEND_NEWLINE)


def _said(amendment: Amendment) -> dict[str, Any]:
    return {
        "thread_key": amendment.thread_key,
        "sample": amendment.sample,
        "of": amendment.of,
        "generation": amendment.generation,
        "request_key": None if amendment.request_key is None else str(amendment.request_key),
        "config": dict(amendment.config),
        "ended": amendment.ended,
        "at": amendment.at.isoformat(),
        "run_id": amendment.run_id,
    }


def _lines(path: Path) -> Iterable[Amendment]:
    """Every amendment; a torn last line is none, since nothing was done on its strength."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _read(orjson.loads(line))
            except (ValueError, KeyError, TypeError) as exc:
                raise JournalError(
                    f"{path} line {number} is damaged. Repair or move the file; what it says is asked again "
                    f"is as it was before, if it is moved"
                ) from exc


def _read(said: dict[str, Any]) -> Amendment:
    key = said["request_key"]
    own = {
        "request_key": None if key is None else UUID(key),
        "ended": ErrorClass(said["ended"]),
        "at": datetime.fromisoformat(said["at"]),
    }
    return Amendment(**{**said, **own})


def _whole(path: Path) -> int:
    """Where the last whole line ends."""
    with path.open("rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))
