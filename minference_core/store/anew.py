"""
A private file made anew beside the present one, to take its place in one rename.

The only way in which a row that is in the store ever changes or moves: a rebuild and a redaction write the
whole file once more. Killed at any moment they leave the old file or the new one, and what they leave beside
it goes with the next fold.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from minference_core.errors import StoreError
from minference_core.store.database import Database, opened, quoted, transaction
from minference_core.store.files import copy, fsync
from minference_core.store.place import Place
from minference_core.store.segments import SEGMENT_ROWS
from minference_core.store.tables import KEYS, SCHEMAS
from minference_core.store.tombstones import columns

__all__ = ["Anew", "anew", "clear", "put_in_place"]


class Anew:
    """The file that is being made, and the earlier one, if there is one that can be read."""

    def __init__(self, place: Place, database: Database, *, has_old: bool) -> None:
        self.place = place
        self.database = database
        self.has_old = has_old
        self._connection = database.connection

    def take_over(self, table: str) -> int:
        """
        Copy the rows of the earlier file that are not in this one, in their order.

        Returns:
            How many there were.
        """
        if not self.has_old:
            return 0
        end = self._number(f"select coalesce(max(rowid) + 1, 0) from old.{table}")  # noqa: S608 (ours)
        # Of this many rows at a time: larger transactions leave free blocks in the file.
        return sum(self._take_over(table, start) for start in range(0, end, SEGMENT_ROWS))

    def redact(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Note rows of the table `redaction`; what is written from here on has their tombstones."""
        places = ", ".join(f"${number}" for number in range(1, len(SCHEMAS["redaction"].names) + 1))
        with transaction(self._connection):
            for row in rows:
                self._connection.execute(f"insert into redaction values ({places})", list(row))  # noqa: S608

    def _take_over(self, table: str, start: int) -> int:
        first, keys = KEYS[table][0], ", ".join(KEYS[table])
        values = [(column, f"given.{column}") for column in SCHEMAS[table].names]
        piece = f"from old.{table} where rowid >= {start} and rowid < {start + SEGMENT_ROWS}"
        wanted = columns(table, values, masked=self.database.has_redactions())
        with transaction(self._connection):
            low, high = self._connection.execute(f"select min({first}), max({first}) {piece}").fetchall()[0]
            if low is None:
                return 0
            added = self._connection.execute(
                f"""
                insert into {table} by name
                select {wanted} from (select * {piece}) as given
                anti join (select {keys} from {table} where {first} between $1 and $2) as known using ({keys})
                """,  # noqa: S608
                [low, high],
            ).fetchone()
        return int(added[0]) if added else 0

    def _number(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchall()[0][0])


@contextmanager
def anew(place: Place) -> Iterator[Anew]:
    """
    Begin a private file with nothing in it; the fold lock is held.

    Raises:
        StoreError: There is an earlier file that cannot be read, and no published one that can.
    """
    clear(place)
    has_old = _make_readable(place)
    with opened(place.anew) as database:
        if has_old:
            database.connection.execute(f"attach {quoted(str(place.before))} as old (read_only)")
        yield Anew(place, database, has_old=has_old)
        if has_old:
            database.connection.execute("detach old")


def put_in_place(place: Place) -> None:
    """Let the file that was made be the private one, from one moment to the next."""
    fsync(place.anew)
    place.private.with_name(f"{place.private.name}.wal").unlink(missing_ok=True)  # of the file that goes now
    place.anew.replace(place.private)
    fsync(place.private.parent)


def clear(place: Place) -> None:
    """Remove what a replacement that was killed has left; the fold lock is held."""
    for file in (place.anew, place.before):
        for leftover in (file, file.with_name(f"{file.name}.wal")):
            leftover.unlink(missing_ok=True)
    shutil.rmtree(place.folder_anew, ignore_errors=True)


def _link(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except OSError:  # a file system without links
        copy(file, target)


def _make_readable(place: Place) -> bool:
    """Put the newest file that can be read, at the present schema, where the earlier one is looked for."""
    problems = []
    for file in (place.private, place.published):
        if not file.exists():
            continue
        try:
            if file == place.private:
                with opened(file):
                    pass  # what a killed fold left in its log is in the file now
                _link(file, place.before)
                return True
            copy(file, place.before)
            with opened(place.before):
                return True
        except (StoreError, duckdb.Error) as error:
            place.before.unlink(missing_ok=True)
            problems.append(str(error))
    if problems:
        raise StoreError(
            f"what only the store has cannot be taken over: {'; '.join(problems)}. To do without it, move "
            f"{place.private} and {place.published} away"
        )
    return False
