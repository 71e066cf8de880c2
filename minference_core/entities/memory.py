"""
What a registry holds: versions in memory, up to a bound, and behind them a store if there is one.

Versions are written to the store a moment after they come in, many at a time: whoever needs them
there now calls `flush`.
"""

import atexit
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from minference_core.entities.entity import Entity, mark_kept, parts

__all__ = ["Memory", "VersionStore"]

log = logging.getLogger(__name__)

# A version waits no longer than this to be written, and no more than so many wait.
_FLUSH_AFTER_S = 1.0
_FLUSH_AT = 5_000
# A store that fails is tried again after twice the time, up to this.
_LONGEST_WAIT_S = 60.0


class VersionStore(Protocol):
    """Where a registry keeps versions for other processes and other days; called from any thread."""

    def save(self, versions: Sequence[Entity]) -> None:
        """Keep these cold versions; when it returns they will survive the process."""
        ...

    def load(self, version_id: UUID) -> Entity | None:
        """The cold version of that id, with all that is nested in it; None if it is not there."""
        ...

    def lineage(self, lineage_id: UUID) -> list[UUID]:
        """The versions of a lineage, oldest first; [] if there are none."""
        ...

    def ids_of(self, kind: type[Entity]) -> list[UUID]:
        """All versions of a kind and its subclasses, oldest first."""
        ...


class Memory:
    """The versions of one registry. Every call is safe from any thread."""

    def __init__(self, max_versions: int | None) -> None:
        if max_versions is not None and max_versions < 1:
            raise ValueError(f"max_versions={max_versions}: it must be at least 1, or None for no bound")
        self._lock = threading.RLock()
        self._max_versions = max_versions
        self._store: VersionStore | None = None
        self._timer: threading.Timer | None = None
        self._saving = threading.Lock()
        self._unsaved: dict[UUID, Entity] = {}
        self._warned = False
        self._forget()
        # Lock order: _saving, then _lock; nobody flushes while holding _lock.
        _alive.add(self)

    def keep(self, version: Entity) -> Entity:
        """
        Hold a cold version, and every version nested in it; call `make_room` soon after.

        Returns:
            The object that is held: of versions with one id, the first.
        """
        with self._lock:
            return self._add(version)

    def make_room(self) -> None:
        """
        Write what waits if that is much, and forget what is over the bound.

        A store that fails is logged and tried again: it must not come between a version and its object.
        """
        if len(self._unsaved) >= _FLUSH_AT:
            _flushed(self)
        self._shrink()

    def _add(self, version: Entity) -> Entity:
        held = self._versions.get(version.id)
        if held is not None:
            return held
        for part in parts(version):
            if part._kept_by is not self:  # noqa: SLF001 (asked of each message of each thread)
                self._add(part)
        self._remember(version)
        if self._store is not None:
            self._unsaved[version.id] = version
            self._flush_soon()
        return version

    def find(self, version_id: UUID) -> Entity | None:
        """The cold version of that id, from memory or else from the store."""
        with self._lock:
            version = self._versions.get(version_id)
            if version is not None:
                self._versions.move_to_end(version_id)
                return version
            store = self._store
        if store is None or (version := store.load(version_id)) is None:
            return None
        with self._lock:
            self._remember(version)
        self._shrink()
        return version

    def lineage_ids(self, lineage_id: UUID) -> list[UUID]:
        """The versions of a lineage, oldest first."""
        self.flush()
        with self._lock:
            versions = [self._versions[version_id] for version_id in self._lineages.get(lineage_id, ())]
            store = self._store
        here = [v.id for v in sorted(versions, key=lambda v: (v.created_at, v.version_no))]
        return here if store is None else list(dict.fromkeys([*store.lineage(lineage_id), *here]))

    def of_kind(self, kind: type[Entity]) -> Iterator[Entity]:
        """Every version of a kind and its subclasses, one after the other."""
        self.flush()
        with self._lock:
            here = [version for version in self._versions.values() if isinstance(version, kind)]
            store = self._store
        if store is None:
            yield from here
            return
        for version_id in dict.fromkeys([*store.ids_of(kind), *(version.id for version in here)]):
            version = self.find(version_id)
            if version is not None:
                yield version

    def registered_at(self, version_id: UUID) -> datetime | None:
        with self._lock:
            return self._timestamps.get(version_id)

    def status(self) -> dict[str, Any]:
        """Counts of what is in memory."""
        with self._lock:
            times = sorted(self._timestamps.values())
            kinds: dict[str, int] = {}
            for version in self._versions.values():
                kinds[version.entity_kind] = kinds.get(version.entity_kind, 0) + 1
            first, latest = (times[0].isoformat(), times[-1].isoformat()) if times else (None, None)
            return {
                "total_items": len(self._versions),
                "oldest_item": first,
                "newest_item": latest,
                "entities_by_type": kinds,
                "version_history": {
                    "first_version": first,
                    "latest_version": latest,
                    "version_count": len(times),
                },
                "total_lineages": len(self._lineages),
                "total_versions": sum(map(len, self._lineages.values())),
            }

    def attach(self, store: VersionStore) -> None:
        """Keep what is here and what comes in `store`, too, and look there for what is not here."""
        self.detach()
        with self._lock:
            self._store = store
            self._unsaved = {**self._versions}
        self.flush()

    def detach(self) -> None:
        """Write what waits, and let go of the store; what is in memory stays."""
        while True:
            self.flush()
            with self._lock:
                if not self._unsaved:
                    self._store = None
                    return

    def flush(self) -> None:
        """
        Write what waits. What cannot be written goes on waiting.

        Raises:
            StoreError: It cannot be written.
        """
        with self._saving:
            with self._lock:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                store, waiting = self._store, self._unsaved
                if store is None or not waiting:
                    return
                self._unsaved = {}
            try:
                store.save(list(waiting.values()))
            except BaseException:
                with self._lock:
                    self._unsaved = {**waiting, **self._unsaved}
                raise

    def clear(self) -> None:
        """Forget everything in memory; the store keeps what it has, what waits is written first."""
        self.flush()
        with self._lock:
            for version in self._versions.values():
                mark_kept(version, None)
            self._forget()

    def _forget(self) -> None:
        self._versions: OrderedDict[UUID, Entity] = OrderedDict()
        self._lineages: dict[UUID, dict[UUID, None]] = {}
        self._timestamps: dict[UUID, datetime] = {}

    def _remember(self, version: Entity) -> None:
        self._versions[version.id] = version
        mark_kept(version, self)
        self._lineages.setdefault(version.lineage_id, {})[version.id] = None
        self._timestamps[version.id] = datetime.now(UTC)

    def _shrink(self) -> None:
        if self._max_versions is None or len(self._versions) <= self._max_versions:
            return
        _flushed(self)
        with self._lock:
            excess = len(self._versions) - self._max_versions
            for version_id in [v for v in islice(self._versions, max(0, excess)) if v not in self._unsaved]:
                self._drop(version_id)
        if self._store is None and not self._warned:
            self._warned = True
            log.warning(
                "the registry holds its %d versions and has no store: the oldest are forgotten",
                self._max_versions,
            )

    def _drop(self, version_id: UUID) -> None:
        version = self._versions.pop(version_id)
        mark_kept(version, None)
        del self._timestamps[version_id]
        lineage = self._lineages[version.lineage_id]
        del lineage[version_id]
        if not lineage:
            del self._lineages[version.lineage_id]

    def _flush_soon(self, after_s: float | None = None) -> None:
        if self._timer is None:
            wait_s = _FLUSH_AFTER_S if after_s is None else after_s
            self._timer = threading.Timer(wait_s, self._flush_by_itself, [wait_s])
            self._timer.daemon = True
            self._timer.start()

    def _flush_by_itself(self, waited_s: float) -> None:
        if not _flushed(self):
            with self._lock:
                self._flush_soon(min(2 * waited_s, _LONGEST_WAIT_S))


def _flushed(memory: Memory) -> bool:
    """Whether what waited could be written, for callers to whom nobody listens."""
    try:
        memory.flush()
    except Exception:
        log.exception("versions could not be written to the store yet")
        return False
    return True


# Those that wait to write are held by their timers; the others need not live on for the sake of this.
_alive: "weakref.WeakSet[Memory]" = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    for memory in list(_alive):
        _flushed(memory)
