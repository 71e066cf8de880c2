"""
Rebuild: the store made again from specs and exchanges, and from the earlier file what only that has.

That is what programs saved through the library, versions of specs that were changed since, the log of what
was current when, and redactions. The new file takes the place of the old one only if nothing is wrong in it
that was not wrong before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from minference_core.errors import NotMadeYet, SpecError, StoreError
from minference_core.lineage.install import definitions
from minference_core.lineage.versions import write_versions
from minference_core.specs import Generations, SpecSource
from minference_core.store import SCHEMAS, Store
from minference_core.store.anew import Anew
from minference_core.store.check import Problem, problems_in
from minference_core.store.segments import discard, read_segment

__all__ = ["Made", "RebuildReport", "rebuild"]

_RUN_ID = "rebuild"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Made:
    """A partition to make again: its specs, its attempts, and where it is noted which of them count."""

    source: SpecSource
    exchanges: Path
    journal: Path

    @property
    def name(self) -> str:
        return f"{self.source.partition.dataset} {self.source.partition.key}"


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """
    What a rebuild did.

    Attributes:
        partitions: How many were made again.
        made: Rows of each table that were.
        taken_over: Rows of each table that only the earlier file had.
        left_out: Partitions that could not be made again, with the reason: their rows were taken over.
    """

    partitions: int
    made: Mapping[str, int]
    taken_over: Mapping[str, int]
    left_out: tuple[str, ...]


def rebuild(
    data: Path,
    partitions: Sequence[Made],
    *,
    code_version: str,
    wait_s: float = 60.0,
    progress: Callable[[str], None] = lambda line: None,
) -> RebuildReport:
    """
    Make the store again and publish it.

    Args:
        data: The folder of `minference.duckdb`.
        partitions: All that have exchanges.
        code_version: Of the step that makes versions, as its runs say it.
        wait_s: How long to wait for a fold of another process.
        progress: Called with what is being done.

    Raises:
        StoreError: The earlier file cannot be read, or something would be wrong that is not wrong now; the
            store is as it was.
        DiskError: It cannot be written; the store is as it was.
    """
    added: Counter[str] = Counter()
    left_out = []
    with Store(data, definitions()).replaced(wait_s) as made:
        taken_over = {"redaction": made.take_over("redaction")}
        for number, partition in enumerate(partitions, start=1):
            progress(f"{number} of {len(partitions)}: {partition.name}")
            try:
                added.update(_make(made, partition, code_version))
            except (SpecError, NotMadeYet) as error:
                left_out.append(f"{partition.name}: {error}")
        for table in SCHEMAS:
            if table != "redaction":
                progress(f"taking over what only the earlier file has: {table}")
                taken_over[table] = made.take_over(table)
        progress("checking")
        _refuse_if_worse(made)
    return RebuildReport(len(partitions) - len(left_out), dict(added), taken_over, tuple(left_out))


def _make(made: Anew, partition: Made, code_version: str) -> Counter[str]:
    source = Generations(partition.journal).as_planned(partition.source)
    if source is None and made.has_old:
        raise SpecError("its specs have changed since it was last planned")
    inbox = made.place.folder_anew
    report = write_versions(
        source or partition.source,
        exchanges=partition.exchanges,
        inbox=inbox,
        code_version=code_version,
        run_id=_RUN_ID,
    )
    added: Counter[str] = Counter()
    for name in report.segments:
        with closing(read_segment(inbox / name)) as segment:
            added.update(made.database.append([segment], earlier=made.has_old))
        discard(inbox / name)
    return added


def _refuse_if_worse(made: Anew) -> None:
    connection = made.database.connection
    problems = set(problems_in(connection))
    if problems and made.has_old:
        connection.execute("use old")
        problems -= set(problems_in(connection))
        connection.execute("use store")
    if problems:
        raise StoreError(f"the store was left as it is: made anew, {_listed(problems)}")


def _listed(problems: Iterable[Problem]) -> str:
    lines = sorted(map(str, problems))
    return "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
