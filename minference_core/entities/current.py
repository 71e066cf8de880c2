"""
Which registry is the current one: the task's own, else the process's.

Entities ask here, so that neither they nor their users pass a registry around.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from minference_core.entities.entity import Entity

__all__ = ["Registrar", "current_registry", "make_default", "using"]

E = TypeVar("E", bound="Entity")


class Registrar(Protocol):
    """What entities need of a registry; see `EntityRegistry`."""

    def register(self, entity: Any, *, force: bool = False) -> Any: ...
    def get(self, entity_id: UUID, expected_type: type[E]) -> E | None: ...
    def get_many(self, entity_ids: Sequence[UUID], expected_type: type[E]) -> list[E]: ...
    def list_by_type(self, entity_type: type[E]) -> list[E]: ...
    def ancestor_ids(self, entity: "Entity") -> list[UUID]: ...


_of_this_task: ContextVar[Registrar | None] = ContextVar("minference_registry", default=None)
_of_the_process: list[Registrar] = []


def current_registry() -> Registrar:
    """The registry that class-level calls and new entities use."""
    return _of_this_task.get() or _of_the_process[-1]


def make_default(registry: Registrar) -> None:
    """Make a registry that of every task and thread that has not chosen its own."""
    _of_the_process[:] = [registry]


@contextmanager
def using(registry: Registrar) -> Iterator[None]:
    """While open, `registry` is the current one of this task, and of what it starts."""
    before = _of_this_task.set(registry)
    try:
        yield
    finally:
        _of_this_task.reset(before)
