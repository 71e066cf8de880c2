"""
Which answers of a partition count, and how often that has changed.

A generation is one asking for everything: the first, a fresh one, or one of somebody else (the
simulator's answers must never be taken for a provider's). Of single conversations an amendment may say
another (`amendments.py`). The sequence counts each time that the specs or the answers that count
became others; it orders what was current when, also when somebody goes back. All are kept beside the
journal, since what they order cannot be made again.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from minference_core.errors import JournalError
from minference_core.specs.amendments import Amendment, Amendments
from minference_core.specs.source import SpecSource

__all__ = ["Generations"]

_FILE = "generations.json"


class Generations:
    """The generations of one partition, kept in its journal's folder."""

    def __init__(self, journal: Path) -> None:
        """
        Raises:
            JournalError: What was written down cannot be read.
        """
        self._journal = journal
        self._file = journal / _FILE
        read = _read(self._file)
        self._begun: dict[str, int] = read.get("begun", {})
        self._plan: str | None = read.get("plan")
        self.sequence: int = read.get("sequence", 0)
        self.amendments = Amendments.read(journal)

    def number(self, asked: str) -> int:
        """The generation that counts when `asked` is who answers; the next free one if there is none yet."""
        return self._begun.get(asked, self._next())

    def begin(self, asked: str, *, fresh: bool = False) -> int:
        """
        Settle which answers count from here on; earlier ones are kept.

        Args:
            asked: Who answers.
            fresh: Ask for everything again, though there are answers.
        """
        number = self._next() if fresh and self._begun else self.number(asked)
        if self._begun.get(asked) != number:
            self._begun[asked] = number
            self._write()
        return number

    def as_planned(self, source: SpecSource) -> SpecSource | None:
        """
        The specs, with the answers that counted for them when they were last planned.

        Returns:
            None if they have changed since.
        """
        for number in sorted({source.generation, *self._begun.values()}, reverse=True):
            planned = replace(source, generation=number, sequence=self.sequence, amendments=self.amendments)
            if planned.fingerprint() == self._plan:
                return planned
        return None

    def next_free(self) -> int:
        """A generation that no answer is of yet, for amendments."""
        return self._next()

    def amend(self, amendments: Iterable[Amendment]) -> None:
        """
        Let other answers count for some conversations, from here on.

        Raises:
            JournalError: That cannot be written down; nothing has changed.
        """
        Amendments.add(self._journal, amendments)
        self.amendments = Amendments.read(self._journal)

    def note_plan(self, fingerprint: str) -> None:
        """Count a plan of other specs or another generation than the last one's."""
        if fingerprint != self._plan:
            self._plan, self.sequence = fingerprint, self.sequence + 1
            self._write()

    def _next(self) -> int:
        return max(*self._begun.values(), self.amendments.newest, -1) + 1

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        aside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        kept = {"begun": self._begun, "sequence": self.sequence, "plan": self._plan}
        with aside.open("w") as file:
            file.write(json.dumps(kept) + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        read: dict[str, Any] = json.loads(file.read_text())
    except ValueError as exc:
        raise JournalError(
            f"{file} is damaged, and says which of the answers beside it count: put it back from a copy, "
            f"or move the whole folder to ask for everything again"
        ) from exc
    return read
