"""
One version of one thing: frozen, named by its content, linked to the version it came from.

What is stored where (`store/`) and how versions are shown (`lineage/`) is not here.
"""

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from minference_core import ids

__all__ = ["Entity"]

_BOOKKEEPING = frozenset({"lineage_id", "parent_id", "version_no", "created_at"})


class Entity(BaseModel):
    """
    One immutable version.

    `created_at` (UTC) is told by whoever makes the version and is not part of the id: the same
    answer replayed from a journal makes the same version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]

    lineage_id: UUID
    parent_id: UUID | None = None
    version_no: int = 1
    created_at: datetime

    @cached_property
    def id(self) -> UUID:
        """This version's name."""
        return ids.version_id(self.kind, self.lineage_id, self.parent_id, self.record)

    @cached_property
    def record(self) -> dict[str, Any]:
        """
        What this version says, as JSON, with nested entities replaced by their ids.

        Fields at their default are left out, so a field added later changes no existing id.
        """
        return {
            name: _reference(value)
            for name, field in type(self).model_fields.items()
            if name not in _BOOKKEEPING and (value := getattr(self, name)) != field.get_default()
        }

    def evolve(self, *, at: datetime, **changes: Any) -> Self:
        """
        The next version, with `changes` made; this version if nothing changed.

        Args:
            at: When the change happened, UTC. A clock that went backwards is held at the parent's
                time, so that a chain is always in order of `created_at`.
            changes: New values by field name.

        Raises:
            pydantic.ValidationError: The changed record would not be valid.
        """
        current = {name: getattr(self, name) for name in type(self).model_fields}
        if all(name in current and current[name] == new for name, new in changes.items()):
            return self
        history = {
            "parent_id": self.id,
            "version_no": self.version_no + 1,
            "created_at": max(at, self.created_at),
        }
        return type(self).model_validate({**current, **changes, **history})


def _reference(value: object) -> Any:
    """JSON for a field's value, in which an entity is its id."""
    if isinstance(value, Entity):
        return value.id
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, list | tuple):
        return [_reference(item) for item in value]
    return value
