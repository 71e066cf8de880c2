"""
The fold: every waiting segment goes into the private DuckDB file, and a copy is published.

One process folds at a time; one that finds the lock taken leaves its segments to the holder, who looks
at the inbox again after letting go of the lock. A segment is deleted only once the published file has it,
and one that is recorded is not taken in twice: so a crash at any moment loses nothing, and what a reader
finds neither in the inbox nor, afterwards, in the published file was never saved.

Publishing copies the whole file, so it is done once for all that came while others were taken in, and who
waits for the lock waits no longer than until its own segments are published. Whoever promised nothing, a
program that only saves, lets it wait while the last publishing is recent (`Store.fold_unless_recent`).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from minference_core.errors import DiskError, StoreError
from minference_core.store.anew import Anew, anew, clear, put_in_place
from minference_core.store.database import Database, digest_of, opened
from minference_core.store.place import Place
from minference_core.store.publish import publish, published_state
from minference_core.store.segments import Segment, discard, read_segment, reject, size_of, sweep, waiting

__all__ = ["FoldReport", "Store"]

log = logging.getLogger(__name__)

# How long the inbox is looked at again before what was found is published.
_GATHER_S = 2.0
# How many segments one transaction takes in, and how many bytes of rows: what is less than a row group is
# written twice, into the log and then into the file, and all of it is held in memory.
_TOGETHER = 64
_TOGETHER_BYTES = 96 * 1024 * 1024
# How often a lock that is taken is looked at.
_LOOK_EVERY_S = 0.05
# Who need not publish does not spend more than this part of the time on it.
_PUBLISHING_SHARE = 0.1
_PUBLISHED_RECENTLY_S = 1.0

_STAYS = "What was not taken in waits in the inbox, for the next run that folds"


@dataclass(frozen=True, slots=True)
class FoldReport:
    """
    What one call of `Store.fold` did.

    `busy` means that another process holds the lock and takes in what was waiting.
    """

    segments: int = 0
    already: int = 0
    added: Mapping[str, int] = field(default_factory=dict)
    published: bool = False
    busy: bool = False


@dataclass(slots=True)
class _Tally:
    segments: int = 0
    already: int = 0
    added: Counter[str] = field(default_factory=Counter)
    published: bool = False
    rejected: list[str] = field(default_factory=list)


class Store:
    """The store in one data folder: its inbox, its private file and its published file."""

    def __init__(self, data: Path, definitions: Sequence[str]) -> None:
        """
        Name the store; nothing is read or made yet.

        Args:
            data: The folder with `inbox/`, `.store/` and `minference.duckdb`.
            definitions: `create or replace` statements of the views and macros that the file is to have.
        """
        self._place = Place(data)
        self._definitions = tuple(definitions)

    @property
    def published(self) -> Path:
        """The file that users open; there after the first fold."""
        return self._place.published

    def fold(self, wait_s: float = 0.0) -> FoldReport:
        """
        Take in every waiting segment and publish, unless another process is at it.

        Publishes once for all that was waiting, and only if the published file would be different.

        Args:
            wait_s: How long to wait for another process's fold. With 0 what is waiting is left to it.

        Raises:
            StoreError: A segment is damaged; it was moved aside and all others are in. Or the private
                file cannot be opened.
            DiskError: The store cannot be written; what waits in the inbox stays there.
        """
        with _translated(self._place):
            return self._fold(wait_s)

    def fold_unless_recent(self) -> None:
        """
        As `fold` without waiting, but only if it is a while since the last publishing.

        Raises:
            StoreError: As `fold`.
            DiskError: As `fold`.
        """
        if self._publishing_is_due():
            self.fold()

    @contextmanager
    def replaced(self, wait_s: float) -> Iterator[Anew]:
        """
        Make the private file anew; if nothing is raised meanwhile it takes the place of the present one, and
        is published.

        Everything that waits is taken in before.

        Args:
            wait_s: How long to wait for another process's fold.

        Raises:
            StoreError: As `fold`, or the other process is not done by then.
            DiskError: As `fold`; the store is as it was.
        """
        place = self._place
        self._fold_if_possible(wait_s)
        with _translated(place), _held(place.lock, wait_s) as held:
            if not held:
                raise StoreError(
                    f"another process has been writing {place.private} for {wait_s:.0f} s: try again"
                )
            with anew(place) as made:
                yield made
                made.database.define(self._definitions)
                state = made.database.state()
            put_in_place(place)
            self._publish(state, _Tally())
            clear(place)

    def _fold_if_possible(self, wait_s: float) -> None:
        """A private file that cannot be opened may be what is to be replaced."""
        try:
            self.fold(wait_s)
        except (StoreError, duckdb.Error):
            if waiting(self._place.inbox):
                log.exception("what waits in the inbox could not be taken in")

    def _publishing_is_due(self) -> bool:
        try:
            _, _, took_s = self._place.mark.read_text().partition("\n")
            age_s = time.time() - self._place.mark.stat().st_mtime
        except FileNotFoundError:
            return True
        rest_s = float(took_s or 0) / _PUBLISHING_SHARE
        return not 0 <= age_s < max(_PUBLISHED_RECENTLY_S, rest_s)  # below 0: the clock was set back

    def _fold(self, wait_s: float) -> FoldReport:
        tally = _Tally()
        mine = frozenset(folder.name for folder in waiting(self._place.inbox))
        held = self._fold_once(tally, wait_s, unless=lambda: self._has_published(mine))
        busy = not held and not (wait_s > 0 and self._has_published(mine))
        # A process that found the lock taken has left its segments to us, perhaps after we had looked. One
        # that waits for the lock goes first, or it would wait for as long as anybody writes.
        while held and waiting(self._place.inbox):
            time.sleep(2 * _LOOK_EVERY_S)
            held = self._fold_once(tally, 0.0)
        if tally.rejected:
            raise StoreError(
                "damaged segments were moved aside, everything else is in the store: "
                + "; ".join(tally.rejected)
                + ". Materialize their partitions again, then delete the moved folders; of a library-… folder"
                + " there is no other copy: rename it back once it is repaired"
            )
        return FoldReport(tally.segments, tally.already, dict(tally.added), tally.published, busy)

    def catch_up(self, wait_s: float) -> None:
        """
        See to it that the published file has everything that was put into the inbox before this call.

        Args:
            wait_s: How long to wait for another process's fold.

        Raises:
            StoreError: As `fold`, or the other process is not done by then.
        """
        lost = self._place.private.exists() and not self._place.published.exists()
        if (lost or waiting(self._place.inbox)) and self.fold(wait_s).busy:
            raise StoreError(
                f"another process has been writing {self._place.private} for {wait_s:.0f} s, "
                f"and what waits in {self._place.inbox} cannot be read before it is done: try again"
            )

    def _has_published(self, segments: Set[str]) -> bool:
        """Whether somebody has published these, with our views and macros."""
        still = {folder.name for folder in waiting(self._place.inbox)} & segments
        state = published_state(self._place)
        return not still and state is not None and state.endswith(f" {digest_of(self._definitions)}")

    def _fold_once(self, tally: _Tally, wait_s: float, unless: Callable[[], bool] | None = None) -> bool:
        with _held(self._place.lock, wait_s, unless) as held:
            if not held:
                return False
            sweep(self._place.inbox)
            clear(self._place)
            with opened(self._place.private) as database:
                database.define(self._definitions)
                taken = self._take_all(database, tally)
                state = database.state()
            self._publish(state, tally)
            for folder in taken:
                discard(folder)
        return True

    def _take_all(self, database: Database, tally: _Tally) -> list[Path]:
        """What waits, and for a while what comes meanwhile: it is published together."""
        taken: dict[str, Path] = {}
        until = time.monotonic() + _GATHER_S
        while new := [folder for folder in waiting(self._place.inbox) if folder.name not in taken]:
            for folders in _together(new):
                taken |= {folder.name: folder for folder in _take(database, folders, tally)}
            if time.monotonic() > until:
                break
        return list(taken.values())

    def _publish(self, state: str, tally: _Tally) -> None:
        place = self._place
        if published_state(place) == state:
            return
        began = time.monotonic()
        publish(place.private, place.published)
        place.mark.write_text(f"{state}\n{time.monotonic() - began:.3f}")
        tally.published = True


def _together(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """What is taken in at once: enough that the file gets whole row groups, and little beside a run."""
    group: list[Path] = []
    size = 0
    for folder in folders:
        more = size_of(folder)
        if group and (more is None or size + more > _TOGETHER_BYTES or len(group) == _TOGETHER):
            yield group
            group, size = [], 0
        group.append(folder)
        size += _TOGETHER_BYTES if more is None else more
    if group:
        yield group


def _take(database: Database, folders: Sequence[Path], tally: _Tally) -> list[Path]:
    """Those that are in the store now; the others were moved aside."""
    fresh = [folder for folder in folders if not database.has(folder.name)]
    try:
        with closing(_read(fresh)) as segments:
            added = database.append(segments)
    except (StoreError, duckdb.DataError, duckdb.IntegrityError) as error:
        if len(folders) > 1:  # by themselves, so that what is damaged keeps nothing else out
            return [taken for folder in folders for taken in _take(database, [folder], tally)]
        tally.rejected.append(f"{reject(folders[0])} ({error})")
        return []
    tally.segments += len(fresh)
    tally.already += len(folders) - len(fresh)
    tally.added.update(added)
    return list(folders)


def _read(folders: Iterable[Path]) -> Generator[Segment]:
    for folder in folders:
        with closing(read_segment(folder)) as segment:
            yield segment


@contextmanager
def _translated(place: Place) -> Iterator[None]:
    """What the disk and DuckDB say, in our words."""
    try:
        yield
    except OSError as error:
        raise DiskError(place.private.parent, error, _STAYS) from error
    except duckdb.OperationalError as error:
        raise StoreError(f"{place.private} cannot be written: {error}. {_STAYS}") from error


@contextmanager
def _held(path: Path, wait_s: float, unless: Callable[[], bool] | None = None) -> Iterator[bool]:
    """Whether the lock was free within that time; no longer waited for once `unless` says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the fallback that leaves a lock file behind when its holder is killed.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=wait_s, poll_interval=_LOOK_EVERY_S, cancel_check=unless)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
