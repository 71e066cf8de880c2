"""
A run's books in the ledger, opened and put right.

A run that died leaves behind what it had set aside. Whoever next runs its partition holds the journal's lock,
so nobody is left who could be writing it, and the journal knows what was really spent: that is entered in its
place.
"""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from minference_core.engine.budget import Purse, Spending
from minference_core.engine.history import journal_files, read_journal
from minference_core.engine.ledger import Ledger, Takings
from minference_core.engine.records import in_budgets

__all__ = ["holder_of", "opened_books", "put_right", "spent_on_record"]


@asynccontextmanager
async def opened_books(
    ledger: Ledger, journal: Path, run_id: str, spending: Spending
) -> AsyncIterator[Purse]:
    """
    The purse of a run that holds the lock of a partition's journal.

    Args:
        journal: The folder.

    Raises:
        LedgerError: The ledger cannot be reached.
        JournalError: The journal of a run that died cannot be read.
    """
    async with Purse(ledger, holder_of(journal, run_id), spending.budgets) as purse:
        if purse.budgets:
            await _correct(ledger, lambda run: run.wrote(journal))
        yield purse


async def put_right(ledger: Ledger, folder: Path) -> None:
    """
    Enter what those runs really spent that died and whose journals, under a folder, nobody opens again.

    Raises:
        LedgerError: The ledger cannot be reached.
        JournalError: Such a journal cannot be read.
    """
    await _correct(ledger, lambda run: run.died_under(folder))


def holder_of(journal: Path, run_id: str) -> str:
    """The name in the ledger of a run that writes a journal."""
    return f"{socket.gethostname()}:{journal.resolve()} {run_id}"


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose books are open."""

    host: str
    journal: Path
    run_id: str
    is_there: bool

    @classmethod
    def named(cls, holder: str, *, is_there: bool) -> "_Run":
        """That of a name that `holder_of` gave."""
        whose, _, run_id = holder.rpartition(" ")
        host, _, folder = whose.partition(":")
        return cls(host, Path(folder), run_id, is_there)

    def wrote(self, journal: Path) -> bool:
        """
        Whether it wrote a journal whose lock we have.

        A container that is started again has another name, and its folder the same: then the run's own file
        must be there, and nobody who still writes it, as the folder of another machine can be a copy.
        """
        return self.journal == journal.resolve() and (self.host == socket.gethostname() or self._left_files())

    def died_under(self, folder: Path) -> bool:
        """Whether it is over, and its journal somewhere in a folder."""
        return self.journal.is_relative_to(folder.resolve()) and self._left_files()

    def _left_files(self) -> bool:
        return not self.is_there and any(_files_of(self.journal, self.run_id))


async def _correct(ledger: Ledger, is_over: Callable[[_Run], bool]) -> None:
    """Close the books of runs that are over with what their journals say."""
    for holder, is_there in (await ledger.open_holdings()).items():
        run = _Run.named(holder, is_there=is_there)
        if is_over(run):
            await ledger.correct(holder, await asyncio.to_thread(spent_on_record, run.journal, run.run_id))


def _files_of(journal: Path, run_id: str) -> Iterator[Path]:
    return (path for path in journal_files(journal) if run_id[:8] in path.name)


def spent_on_record(journal: Path, run_id: str) -> dict[date, Takings]:
    """
    What a run spent on each day (UTC): of its answers what they cost on the day they came, of what has no
    answer all that was set aside, on the day it was sent.
    """
    spent: defaultdict[date, Takings] = defaultdict(Takings)
    unanswered: dict[tuple[str, str, int], tuple[date, Takings]] = {}
    for path in _files_of(journal, run_id):
        for _, _, record in read_journal(path):
            name = (record["lineage_id"], record["request_key"], record["attempt"])
            if record["kind"] == "intent" and record["run_id"] == run_id:
                unanswered[name] = _day(record["sent_at"]), in_budgets(record, "reserved")
            elif record["kind"] == "outcome" and unanswered.pop(name, None) is not None:
                day = _day(record["finished_at"])
                spent[day] = spent[day].plus(in_budgets(record, "spent"))
    for day, reserved in unanswered.values():
        spent[day] = spent[day].plus(reserved)
    return dict(spent)


def _day(at: str) -> date:
    return datetime.fromisoformat(at).astimezone(UTC).date()
