"""
The store behind a registry: what a program registers is kept, what it asks for is read back.

Saving writes a segment, as a dataset's run does, and waits for nobody. Reading opens the published file;
what still waits in the inbox is folded in when something is not found without it.
"""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version as installed
from itertools import islice
from pathlib import Path
from uuid import UUID
from weakref import WeakValueDictionary

import duckdb

from minference_core import ids
from minference_core.entities import Entity
from minference_core.errors import DiskError, StoreError
from minference_core.lineage.install import definitions
from minference_core.lineage.reading import Reader
from minference_core.lineage.rows import Row, entity_row, kept_with_its_message, naive_utc, thread_row
from minference_core.store import Store, connect, table, write_segment
from minference_core.store.segments import waiting
from minference_core.threads import ChatMessage, ChatThread

__all__ = ["EntityStore"]

log = logging.getLogger(__name__)

# As in versions.py: few enough rows and bytes for a fold's memory.
_SEGMENT_ROWS = 15_000
_SEGMENT_BYTES = 32_000_000
# So many segments may wait before one who only saves folds them in.
_FOLD_AT = 64
_WAIT_FOR_FOLD_S = 60.0
_READ_AHEAD = 256


class EntityStore:
    """
    The entities in a data folder, for `EntityRegistry.attach`.

    Any number of processes and registries may have the same folder attached while datasets' runs write
    to it. What `save` was given survives the process once it returns; SQL on `minference.duckdb` sees it
    after the next fold, which any run and any reading makes, and `fold` at once.
    """

    def __init__(self, data: Path | str) -> None:
        """
        Args:
            data: The folder of `minference.duckdb`; made when something is saved.
        """
        self._inbox = Path(data) / "inbox"
        self._store = Store(Path(data), definitions())
        # Every session is a materialization of its own: see the table of that name.
        self._mat_id = ids.fresh_lineage_id()
        self._begun = datetime.now(UTC)
        self._noted = False
        # Whoever is alive somewhere is not read again, and versions share what they have in common.
        self._alive: WeakValueDictionary[UUID, Entity] = WeakValueDictionary()
        self._lock = threading.RLock()  # of all that follows
        self._reader: Reader | None = None
        self._opened: tuple[int, ...] = ()
        self._listed: dict[UUID, int] = {}  # what was found last, and its place
        self._ahead: dict[UUID, Entity] = {}  # keeps alive what was read ahead

    def save(self, versions: Sequence[Entity]) -> None:
        """
        Keep cold versions; what is nested in one is among them, or was saved before.

        A version that holds what no file can, half of a surrogate pair, is left out, and the log says so.

        Raises:
            StoreError: Nothing can be written there.
        """
        saved: dict[UUID, Entity] = {}
        refused: list[str] = []
        for rows in _batches(self._rows(versions, saved, refused)):
            self._write(rows)
        with self._lock:
            self._alive.update(saved)
        if len(waiting(self._inbox)) >= _FOLD_AT:
            self._fold_if_nobody_does()
        if refused:
            # Not an error to raise: it would be tried again with all the others for ever.
            log.error(
                "all was saved but %s (%d in all): a text in it has half of a surrogate pair, "
                "which no file can hold",
                ", ".join(refused[:5]),
                len(refused),
            )

    def load(self, version_id: UUID) -> Entity | None:
        """
        The cold version of that id, with all that is nested in it; None if it is not there.

        Raises:
            StoreError: What is there does not make that version, or it cannot be read.
        """
        with self._lock:
            if self._reader is None:
                self._open()
            version = self._find(version_id)
            if version is None:
                self.fold()
                if self._open():
                    version = self._find(version_id)
            return version

    def lineage(self, lineage_id: UUID) -> list[UUID]:
        """
        The versions of a lineage, oldest first; [] if there are none.

        Raises:
            StoreError: The store cannot be read.
        """
        return self._ids(lambda reader: reader.lineage(lineage_id))

    def ids_of(self, kind: type[Entity]) -> list[UUID]:
        """
        All versions of a class and its subclasses, as far as they are imported; oldest first.

        Raises:
            StoreError: The store cannot be read.
        """
        kinds = sorted({one.entity_kind for one in _family(kind)})
        return self._ids(lambda reader: reader.of_kinds(kinds))

    def fold(self) -> None:
        """
        Bring what was saved, by whomever, into `minference.duckdb`; nothing happens if it is there.

        Raises:
            StoreError: A segment is damaged (all others are in), or another process folds for over a minute.
        """
        self._store.catch_up(_WAIT_FOR_FOLD_S)

    # ── writing ───────────────────────────────────────────────────────────────

    def _rows(
        self, versions: Sequence[Entity], saved: dict[UUID, Entity], refused: list[str]
    ) -> Iterator[tuple[str, Row]]:
        with_messages = {
            version.usage.id
            for version in versions
            if type(version) is ChatMessage and version.usage and kept_with_its_message(version.usage)
        }
        for version in versions:
            if version.id in with_messages:
                continue
            name, row = self._row(version, saved)
            if _can_be_written(row):
                saved[version.id] = version
                yield name, row
            else:
                refused.append(f"{version.entity_kind} {version.id}")

    def _row(self, version: Entity, saved: Mapping[UUID, Entity]) -> tuple[str, Row]:
        if type(version) is not ChatThread:
            return entity_row(version, self._mat_id, beside=True)
        parent = None
        if version.parent_id is not None:
            parent = saved.get(version.parent_id) or self._alive.get(version.parent_id)
        if type(parent) is not ChatThread or parent.lineage_id != version.lineage_id:
            parent = None  # not known to be in the store: the version keeps all of its messages itself
        return "thread_version", thread_row(version, parent, self._mat_id)

    def _write(self, rows: dict[str, list[Row]]) -> None:
        saved = sorted(str(row["id"]) for given in rows.values() for row in given)
        name = f"library-{ids.hash_uuid('segment', self._mat_id, saved)}"
        if not self._noted:
            rows["materialization"] = [self._materialization()]
        tables = {kind: table(kind, given) for kind, given in rows.items()}
        try:
            write_segment(self._inbox, name, self._mat_id, tables)
        except DiskError as error:
            raise StoreError(str(error)) from error
        self._noted = True

    def _materialization(self) -> Row:
        return {
            "mat_id": self._mat_id,
            "asset_key": "library",
            "partition_key": f"{self._begun:%Y-%m-%d}",
            "generation": 0,
            "run_id": f"process {os.getpid()}",
            "code_version": installed("minference"),
            "committed_at": naive_utc(self._begun),
            "n_threads": 0,
            "n_exchanges": 0,
        }

    def _fold_if_nobody_does(self) -> None:
        try:
            self._store.fold_unless_recent()
        except (StoreError, DiskError):
            log.exception("what was saved is safe, but could not all be folded into the store")

    # ── reading ───────────────────────────────────────────────────────────────

    def _find(self, version_id: UUID) -> Entity | None:
        """The version, if it is alive or in the file that is open."""
        version = self._alive.get(version_id)
        if version is not None:
            return version
        if version_id in self._listed:
            self._read_ahead(version_id)
        return self._versions([version_id]).get(version_id)

    def _read_ahead(self, version_id: UUID) -> None:
        """Who asked what there is mostly reads it all, one after the other: so read many at once."""
        first = self._listed[version_id]
        following = list(islice(self._listed, first, first + _READ_AHEAD))
        with suppress(StoreError):  # of another one than was asked for, perhaps
            self._ahead = self._versions(following)

    def _ids(self, question: Callable[[Reader], list[UUID]]) -> list[UUID]:
        with self._lock:
            self.fold()
            self._open()
            with self._asking() as reader:
                found = [] if reader is None else question(reader)
            self._listed = {version_id: place for place, version_id in enumerate(found)}
            return found

    def _versions(self, version_ids: list[UUID]) -> dict[UUID, Entity]:
        with self._asking() as reader:
            return {} if reader is None else reader.versions(version_ids)

    @contextmanager
    def _asking(self) -> Iterator[Reader | None]:
        """The reader of the file that is open; None if none is published yet."""
        try:
            yield self._reader
        except duckdb.Error as error:
            raise StoreError(f"{self._store.published} cannot be read: {error}") from error

    def _open(self) -> bool:
        """Whether the published file is another one than that last opened, which it then replaces."""
        try:
            found = self._store.published.stat()
        except FileNotFoundError:
            return False
        identity = (found.st_ino, found.st_mtime_ns, found.st_size)
        if identity == self._opened:
            return False
        reader = Reader(connect(self._store.published), self._alive)
        if self._reader is not None:
            self._reader.close()
        self._reader, self._opened = reader, identity
        return True


def _batches(rows: Iterable[tuple[str, Row]]) -> Iterator[dict[str, list[Row]]]:
    """As many rows at a time as a segment may have, by table."""
    batch: defaultdict[str, list[Row]] = defaultdict(list)
    count = size = 0
    for name, row in rows:
        batch[name].append(row)
        count += 1
        size += sum(len(value) for value in row.values() if isinstance(value, str))
        if count >= _SEGMENT_ROWS or size >= _SEGMENT_BYTES:
            yield batch
            batch, count, size = defaultdict(list), 0, 0
    if batch:
        yield batch


def _can_be_written(row: Row) -> bool:
    try:
        for value in row.values():
            if isinstance(value, str) and not value.isascii():
                value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _family(kind: type[Entity]) -> Iterator[type[Entity]]:
    yield kind
    for subclass in kind.__subclasses__():
        yield from _family(subclass)
