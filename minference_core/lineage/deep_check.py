"""
Every version made again from its row, and its id and content hash with it: what `check --deep` adds.

Takes about as long as reading all of it through the library does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import duckdb

from minference_core import ids
from minference_core.entities import Entity, kind_named
from minference_core.errors import StoreError
from minference_core.lineage.reading import Reader
from minference_core.lineage.shapes import TABLES
from minference_core.store import connect
from minference_core.store.check import LISTED, Findings, Problem

__all__ = ["check_versions"]

# Made at a time, with all that is nested in them.
_AT_ONCE = 500
# Kept from one time to the next, since versions of threads have most of their messages in common.
_KEPT = 20_000

_REMEDY = "`minference store rebuild` makes it again from specs and exchanges"

Progress = Callable[[int, int], None]


def check_versions(published: Path, progress: Progress = lambda done, of: None) -> Findings:
    """
    Make all versions again.

    Content that was redacted cannot be hashed, and of kinds whose module nobody imported nothing can be made:
    these are left out and counted.

    Args:
        progress: Called with how many of how many are done.

    Raises:
        StoreError: The file is missing or cannot be read.
    """
    with connect(published) as connection:
        checker = _Checker(connection)
        problems = tuple(checker.problems(progress))
        return Findings(problems, tuple(checker.notes()))


class _Checker:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[UUID, Entity] = {}
        self._reader = Reader(connection, self._known)
        self._redacted = 0
        self._unknown: dict[str, int] = {}

    def problems(self, progress: Progress) -> Iterator[Problem]:
        counts = {table: self._count(table) for table in TABLES}
        done, of = 0, sum(counts.values())
        for table in TABLES:
            wrong = 0
            for rows in self._batches(table):
                for problem in self._wrong(table, rows):
                    wrong += 1
                    if wrong <= LISTED:
                        yield problem
                done += len(rows)
                progress(done, of)
            if wrong > LISTED:
                yield Problem(table, "…", f"{wrong - LISTED} more like the last", _REMEDY)

    def notes(self) -> Iterator[str]:
        if self._redacted:
            yield f"{self._redacted} versions were redacted: what they said cannot be checked"
        for kind, count in self._unknown.items():
            yield f"{count} versions of {kind} were not checked: no module that defines it has been imported"

    def _wrong(self, table: str, rows: dict[UUID, UUID]) -> Iterator[Problem]:
        for version, (entity, complaint) in self._made(list(rows)).items():
            if entity is None:
                yield Problem(table, str(version), complaint, _REMEDY)
            elif rows[version] != ids.content_hash(entity.entity_kind, entity.entity_record):
                yield Problem(table, str(version), "its content_hash is not that of its content", _REMEDY)

    def _made(self, versions: Sequence[UUID]) -> dict[UUID, tuple[Entity | None, str]]:
        if len(self._known) > _KEPT:
            self._known.clear()
        with suppress(StoreError):
            return {version: (entity, "") for version, entity in self._reader.versions(versions).items()}
        if len(versions) > 1:  # one of them is at fault: find it
            half = len(versions) // 2
            return self._made(versions[:half]) | self._made(versions[half:])
        try:
            return {version: (entity, "") for version, entity in self._reader.versions(versions).items()}
        except StoreError as error:
            return {versions[0]: (None, str(error))}

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"select count(*) from {table}").fetchall()[0][0])  # noqa: S608 (ours)

    def _batches(self, table: str) -> Iterator[dict[UUID, UUID]]:
        """Ids with their content hashes, those that can be checked, in the order of the ids."""
        kinds = "kind, module" if table == "other_version" else "null, null"
        last = UUID(int=0)
        while True:
            rows = self._connection.execute(
                f"""
                select id, content_hash, {kinds}, id in (select id from redaction) as redacted
                from {table} where id > $1 order by id limit {_AT_ONCE}
                """,  # noqa: S608 (ours)
                [last],
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield {row[0]: row[1] for row in rows if self._can_be_made(*row[2:])}

    def _can_be_made(self, kind: str | None, module: str | None, redacted: bool) -> bool:  # noqa: FBT001 (a column)
        if redacted:
            self._redacted += 1
            return False
        if kind is not None and kind_named(kind, module) is None:
            self._unknown[f"{module}.{kind}"] = self._unknown.get(f"{module}.{kind}", 0) + 1
            return False
        return True
