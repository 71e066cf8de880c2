"""
The registry: every version that was registered, by id and by lineage.

A registry is an object; one of them is the current one (`current.py`), and the calls on the class
are that one's. How versions are held is `memory.py`.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload
from uuid import UUID

from minference_core.entities.current import current_registry, make_default, using
from minference_core.entities.entity import Entity, next_version, settle, thawed
from minference_core.entities.memory import Memory, VersionStore
from minference_core.entities.mermaid import mermaid
from minference_core.entities.tree import LineageTree, Node, build_tree, sorted_tree

__all__ = ["EntityRegistry"]

E = TypeVar("E", bound=Entity)

# How many lines `get_logs` remembers.
_REMEMBERED_LINES = 1_000


class _Lines(logging.Handler):
    """The last lines of the registry's log, for `get_logs`."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s - %(levelname)s - %(message)s"))
        self.lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


log = logging.getLogger("minference_core.entities")
_remembered = _Lines()
log.addHandler(_remembered)

if TYPE_CHECKING:
    on_current = classmethod
else:

    class on_current:  # noqa: N801 (a decorator)
        """Binds a method to the object it is called on; called on the class, to the current registry."""

        def __init__(self, function: Callable[..., Any]) -> None:
            self._function = function
            self.__doc__ = function.__doc__

        def __get__(self, registry: Any, kind: type) -> Callable[..., Any]:
            return self._function.__get__(current_registry() if registry is None else registry)


class EntityRegistry:
    """
    The versions of a program's entities.

    `EntityRegistry.get(…)` and all the other calls work on the class, and then mean the current
    registry, and on a registry of one's own: `with EntityRegistry().active(): …` isolates a test or a
    task. Every call may be made from any thread and any task.
    """

    _memory: Memory
    _registering: threading.RLock
    _nesting: int
    _orchestrator: object | None = None
    _tracing: bool = True

    def __init__(self, *, max_versions: int | None = None) -> None:
        """
        Args:
            max_versions: How many versions to hold in memory; the least recently used go first. With a
                store attached they can be had again; without one they are gone, and it is said once.
        """
        self._memory = Memory(max_versions)
        self._registering = threading.RLock()
        self._nesting = 0

    @on_current
    def current(self) -> "EntityRegistry":
        """The current registry."""
        return self  # type: ignore[return-value]

    @contextmanager
    def active(self) -> Iterator[Self]:
        """While open, this registry is the current one of this task, and of the tasks it starts."""
        with using(self):
            yield self

    def make_default(self) -> Self:
        """Make this registry the current one of every task and thread that has not chosen its own."""
        make_default(self)
        return self

    # ── writing ───────────────────────────────────────────────────────────────

    @overload
    @on_current
    def register(self, entity: E, *, force: bool = False) -> E: ...

    @overload
    @on_current
    def register(self, entity: UUID, *, force: bool = False) -> Entity | None: ...

    @on_current
    def register(self, entity: Entity | UUID, *, force: bool = False) -> Entity | None:
        """
        Register an entity, with all that is nested in it; a changed warm one forks.

        Args:
            entity: An entity, or an id, which is looked up.
            force: Make a new version of a warm entity even if nothing changed.

        Returns:
            The same object.

        Raises:
            ValueError: It is not an entity, or an edit made it invalid. Nothing of it is then stored.
        """
        if isinstance(entity, UUID):
            return self.get(entity)
        if not isinstance(entity, Entity):
            raise ValueError(f"Entity must be a Pydantic model instance, got {type(entity)}")  # noqa: TRY004
        with self._registering, using(self):  # so that what is nested in it is registered here, too
            self._nesting += 1
            try:
                self._register(entity, force=force)
            finally:
                self._nesting -= 1
                outermost = self._nesting == 0
        if outermost:  # not while the lock is held: it may write to a store
            self._memory.make_room()
        return entity

    @on_current
    def _register(self, entity: Entity, *, force: bool) -> None:
        version = entity if entity.is_cold else next_version(entity, force=force)
        if version is not None:
            settle(entity, self._memory.keep(version))
        elif (base := entity.cold_snapshot) is not None:
            self._memory.keep(base)  # of another registry, perhaps

    @on_current
    def attach(self, store: VersionStore) -> None:
        """Keep what is and will be registered in `store`, and look there for what is not in memory."""
        self._memory.attach(store)

    @on_current
    def detach(self) -> None:
        """Write what waits and let go of the store."""
        self._memory.detach()

    @on_current
    def flush(self) -> None:
        """Write what waits to the store now; it happens by itself within a second, and at exit."""
        self._memory.flush()

    @on_current
    def clear(self) -> None:
        """Forget every version in memory; an attached store keeps what it has."""
        self._memory.clear()

    # ── reading ───────────────────────────────────────────────────────────────

    @on_current
    def has_entity(self, entity_id: UUID) -> bool:
        """Whether there is a version of that id."""
        return self._memory.find(entity_id) is not None

    @on_current
    def get_cold_snapshot(self, entity_id: UUID) -> Entity | None:
        """The immutable version itself; None if there is none of that id."""
        return self._memory.find(entity_id)

    @overload
    @on_current
    def get(self, entity_id: UUID, expected_type: None = None) -> Entity | None: ...

    @overload
    @on_current
    def get(self, entity_id: UUID, expected_type: type[E]) -> E | None: ...

    @on_current
    def get(self, entity_id: UUID, expected_type: type[Entity] | None = None) -> Entity | None:
        """An independent warm copy of a version; None if there is none, or it is of another type."""
        version = self._memory.find(entity_id)
        if version is None:
            log.debug("there is no version %s", entity_id)
            return None
        if expected_type is not None and not isinstance(version, expected_type):
            log.error("%s is a %s, not a %s", entity_id, version.entity_kind, expected_type.__name__)
            return None
        return thawed(version)  # type: ignore[no-any-return]

    @overload
    @on_current
    def get_many(self, entity_ids: Sequence[UUID], expected_type: None = None) -> list[Entity]: ...

    @overload
    @on_current
    def get_many(self, entity_ids: Sequence[UUID], expected_type: type[E]) -> list[E]: ...

    @on_current
    def get_many(
        self, entity_ids: Sequence[UUID], expected_type: type[Entity] | None = None
    ) -> Sequence[Entity]:
        """Warm copies in the order asked for, without those that are missing."""
        kind = expected_type or Entity
        return [entity for entity_id in entity_ids if (entity := self.get(entity_id, kind)) is not None]

    @on_current
    def list_by_type(self, entity_type: type[E]) -> list[E]:
        """Warm copies of all versions of a type and its subclasses, an attached store's among them."""
        return [thawed(version) for version in self._memory.of_kind(entity_type)]

    @on_current
    def get_timestamp(self, entity_id: UUID) -> datetime | None:
        """When a version came into this registry's memory, UTC."""
        return self._memory.registered_at(entity_id)

    @on_current
    def get_registry_status(self) -> dict[str, Any]:
        """Counts of what is in memory, by kind, lineage and version, with the first and last times."""
        return self._memory.status()

    # ── lineages ──────────────────────────────────────────────────────────────

    @on_current
    def get_lineage_ids(self, lineage_id: UUID) -> list[UUID]:
        """The versions of a lineage, oldest first; [] if there is no such lineage."""
        return self._memory.lineage_ids(lineage_id)

    @on_current
    def build_lineage_tree(self, lineage_id: UUID) -> dict[UUID, Node]:
        """Every version of a lineage by id, each after the one it came from; {} if there are none."""
        return build_tree(self._lineage(lineage_id))

    @on_current
    def get_lineage_tree_sorted(self, lineage_id: UUID) -> LineageTree:
        """The same with edges and ids in order of time; empty, with `root` None, if there are none."""
        return sorted_tree(self._lineage(lineage_id))

    @on_current
    def get_lineage_mermaid(self, lineage_id: UUID) -> str:
        """The versions of a lineage and what each changed, as a Mermaid flowchart in a code fence."""
        return mermaid(sorted_tree(self._lineage(lineage_id)))

    @on_current
    def _lineage(self, lineage_id: UUID) -> list[Entity]:
        found = (self._memory.find(version_id) for version_id in self._memory.lineage_ids(lineage_id))
        return [version for version in found if version is not None]

    @on_current
    def ancestor_ids(self, entity: Entity) -> list[UUID]:
        """The versions that one came from, oldest first; the first unknown one is the last named."""
        ids: list[UUID] = []
        parent_id = entity.parent_id
        while parent_id is not None:
            ids.append(parent_id)
            parent = self._memory.find(parent_id)
            parent_id = parent.parent_id if parent is not None else None
        return ids[::-1]

    # ── what else the original's registry did ─────────────────────────────────

    @on_current
    def set_tracing_enabled(self, enabled: bool) -> None:  # noqa: FBT001 (the original's call)
        """Whether `entity_tracer` does anything."""
        self._tracing = enabled

    @on_current
    def is_tracing_enabled(self) -> bool:
        """Whether `entity_tracer` does anything; it does unless it was told otherwise."""
        return self._tracing

    @on_current
    def set_inference_orchestrator(self, inference_orchestrator: object) -> None:
        """Keep an orchestrator where code that has no other way to it can find it."""
        self._orchestrator = inference_orchestrator

    @on_current
    def get_inference_orchestrator(self) -> object | None:
        """The orchestrator that was set; None if none was."""
        return self._orchestrator

    @staticmethod
    def get_logs() -> str:
        """The last thousand lines the registries logged in this process."""
        return "\n".join(_remembered.lines)

    @staticmethod
    def clear_logs() -> None:
        """Forget these lines."""
        _remembered.lines.clear()

    @staticmethod
    def set_log_level(level: int | str) -> None:
        """From which level on the registries log, as `logging` names it."""
        log.setLevel(level)


EntityRegistry().make_default()
