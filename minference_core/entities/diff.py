"""
What makes one version different from an earlier one, field by field.

Only content is compared: ids, lineage and times are not. Everything in a diff or a dump is a plain
value, an entity being the dict of its content, so neither changes when the entity is edited later.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from minference_core.entities.values import Versioned, same

__all__ = ["Dumps", "EntityDiff", "compute_diff", "dump"]

Diff = dict[str, Any]
Change = tuple[str, Any, Any]

# Values that may stand in two places at once, looked up because there are many of them.
_PLAIN = frozenset({str, int, float, bool, type(None), UUID})
_MISSING = object()


class EntityDiff:
    """
    Differences by field name, in the order the fields are declared.

    Attributes:
        field_diffs: Each has a `type`, and `old` and `new` values:
            `modified`, `added`, `removed`: the values;
            `entity_modified`: the old id, and `{"entity_id", "changes"}`, of which the changes are
            again differences by field name;
            `list_modified`: `{"length", "items"}` before and after if the length changed, else the
            `length`, and in `new` the `changes` by `index`.
    """

    def __init__(self) -> None:
        self.field_diffs: dict[str, Diff] = {}

    def add_diff(self, field: str, diff_type: str, old_value: Any = None, new_value: Any = None) -> None:
        """Note one field's difference."""
        self.field_diffs[field] = {"type": diff_type, "old": old_value, "new": new_value}


class Dumps:
    """
    Content as plain values, each entity and each container of a version dumped only once.

    For one look at many versions: what they share is shared by their dumps, too. Nothing that is
    dumped may change or go away meanwhile.
    """

    def __init__(self, exclude: frozenset[str] = frozenset()) -> None:
        """
        Args:
            exclude: Fields to leave out, of nested entities as well.
        """
        self._exclude = exclude
        self._made: dict[UUID | int, Any] = {}

    def of(self, value: Any) -> Any:
        """The value as plain values: lists, dicts and scalars."""
        if type(value) in _PLAIN:
            return value
        # A version is the same whichever object it is; anything else only as long as it is itself.
        key = value.id if isinstance(value, Versioned) and value.is_cold else id(value)
        made = self._made.get(key, _MISSING)
        if made is _MISSING:
            made = self._made[key] = self._make(value)
        return made

    def _make(self, value: Any) -> Any:
        match value:
            case Versioned():
                fields = value.entity_content()
                return {name: self.of(field) for name, field in fields if name not in self._exclude}
            case BaseModel():
                return value.model_dump()
            case list() | tuple():
                return [self.of(item) for item in value]
            case set() | frozenset():
                return sorted((self.of(item) for item in value), key=_by_type_and_text)
            case dict():
                return {key: self.of(item) for key, item in value.items()}
        return deepcopy(value)


def dump(entity: Versioned, exclude: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The content as plain values, nested entities dumped the same way; sets are sorted lists."""
    return Dumps(exclude).of(entity)  # type: ignore[no-any-return]


def compute_diff(new: Versioned, old: Versioned, dumps: Dumps | None = None) -> EntityDiff:
    """
    What `new` changed of `old`; empty exactly when their dumps are equal.

    Args:
        new: The later one; it may be of another class.
        old: The earlier one.
        dumps: Where the plain values come from, if others want them, too.
    """
    return _compare(old, new, dumps or Dumps())


def _compare(old: Versioned, new: Versioned, dumps: Dumps) -> EntityDiff:
    diff = EntityDiff()
    if old is new or (old.is_cold and new.is_cold and old.id == new.id):
        return diff
    before = dict(old.entity_content())
    for name, value in new.entity_content():
        if name not in before:
            diff.add_diff(name, "added", None, dumps.of(value))
        elif change := _change(before.pop(name), value, dumps):
            diff.add_diff(name, *change)
    for name, value in before.items():
        diff.add_diff(name, "removed", dumps.of(value), None)
    return diff


def _change(old: Any, new: Any, dumps: Dumps) -> Change | None:
    """Type, old and new value of what happened to a value; None if nothing did."""
    if old is new:
        return None
    if isinstance(old, Versioned) and isinstance(new, Versioned):
        changes = _compare(old, new, dumps).field_diffs
        return ("entity_modified", old.id, {"entity_id": new.id, "changes": changes}) if changes else None
    if _both(list, old, new) or _both(tuple, old, new):
        return _list_change(old, new, dumps)
    before, after = dumps.of(old), dumps.of(new)
    return None if same(before, after) else ("modified", before, after)


def _list_change(old: Sequence[Any], new: Sequence[Any], dumps: Dumps) -> Change | None:
    if len(old) != len(new):
        before, after = ({"length": len(items), "items": dumps.of(items)} for items in (old, new))
        return "list_modified", before, after
    changes = [
        _item(index, *change)
        for index, (was, now) in enumerate(zip(old, new, strict=True))
        if was is not now and (change := _change(was, now, dumps))
    ]
    length = len(old)
    return ("list_modified", {"length": length}, {"length": length, "changes": changes}) if changes else None


def _item(index: int, change_type: str, old: Any, new: Any) -> Diff:
    if change_type == "entity_modified":
        return {"index": index, "type": change_type, "changes": new["changes"]}
    return {"index": index, "type": change_type, "old": old, "new": new}


def _both(kind: type, one: object, other: object) -> bool:
    return isinstance(one, kind) and isinstance(other, kind)


def _by_type_and_text(value: object) -> tuple[str, str]:
    return type(value).__name__, repr(value)
