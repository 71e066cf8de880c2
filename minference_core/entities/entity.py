"""
Entities: immutable versions of things, and the warm objects by which people make the next one.

A *cold* entity is one version: it never changes and its id follows from its content. A *warm* one
is what a program works with: it can be edited, and becomes its next version when it is registered.
Where versions are kept is `registry.py`; how they differ is `diff.py`.
"""

# The functions below the class are a part of it; as methods they would take names from users' fields.
# ruff: noqa: SLF001

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from itertools import takewhile
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from minference_core import ids
from minference_core.entities.current import current_registry, using
from minference_core.entities.diff import EntityDiff, compute_diff, dump
from minference_core.entities.values import FrozenDict, FrozenList, FrozenSet, Versioned, same
from minference_core.errors import ImmutableVersion

__all__ = ["BOOKKEEPING", "Entity", "kind_named", "under_id"]

BOOKKEEPING = frozenset({"lineage_id", "parent_id", "version_no", "created_at"})

# Told to pydantic when a version is made, so that everything nested in it is made cold, too.
_COLD: dict[str, bool] = {"cold": True}
# Types whose values cannot change, looked up because there are many of them.
_PLAIN = frozenset({str, int, float, bool, type(None), UUID, datetime})
_JSON = frozenset({str, int, float, bool, type(None)})
_TICK = timedelta(microseconds=1)
_kinds: dict[str, type["Entity"]] = {}
_kinds_by_module: dict[tuple[str, str], type["Entity"]] = {}

M = TypeVar("M", bound=BaseModel)


class _Warmth:
    """What only a warm object has: the version it was last, and its name in this process."""

    __slots__ = ("base", "edited", "live_id", "registering")

    def __init__(self) -> None:
        self.base: Entity | None = None
        self.edited = False  # a field was set since; what its lists and dicts hold may have changed besides
        self.live_id: UUID | None = None
        self.registering = False


class Entity(BaseModel, Versioned):
    """
    A thing with versions.

    Calling the class makes a warm object and registers its first version. Edits are validated when
    they are made; `fork`, `EntityRegistry.register`, a traced function or a run turns them into the
    next version, of the same lineage, whose parent is the one before.

    Attributes:
        lineage_id: The same for all versions of one thing; a UUID version 8 that begins with its birth.
        parent_id: The version that this one came from; None for the first.
        version_no: 1 for the first.
        created_at: When the version was made, UTC; in order along a lineage, and no part of the id.
    """

    __slots__ = ("_id", "_id_text", "_kept_by", "_record", "_warmth")

    if TYPE_CHECKING:
        # Each object has its own; as class variables, no type checker takes them for fields.
        _id: ClassVar[Any]  # a UUID once it was asked for; cold only
        _id_text: ClassVar[Any]
        _kept_by: ClassVar[Any]  # the registry's memory that certainly holds it
        _record: ClassVar[Any]
        _warmth: ClassVar[Any]  # a _Warmth; None when cold

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    entity_kind: ClassVar[str] = "Entity"
    # Facts about how a version came to be rather than what it says: stored, but no part of its id.
    beside_the_content: ClassVar[frozenset[str]] = frozenset()

    lineage_id: UUID = Field(default_factory=ids.fresh_lineage_id)
    parent_id: UUID | None = None
    version_no: int = 1
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "entity_kind" not in cls.__dict__:
            cls.entity_kind = cls.__name__
        taken = _kinds.get(cls.entity_kind)
        if taken is not None and _is_ours(taken) and not _is_ours(cls):
            raise TypeError(
                f"entity_kind {cls.entity_kind} is {taken.__module__}'s: "
                f"say another, entity_kind: ClassVar[str] = 'my.{cls.__name__}'"
            )
        _kinds[cls.entity_kind] = _kinds_by_module[cls.__module__, cls.entity_kind] = cls

    def __init__(self, /, **fields: Any) -> None:
        super().__init__(**fields)
        current_registry().register(self)

    # So that pydantic goes on making nested entities itself: they are registered with what holds them.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def model_post_init(self, context: Any, /) -> None:
        if context is _COLD:
            for name, value in self.__dict__.items():
                if type(value) not in _PLAIN:
                    self.__dict__[name] = frozen(value)
        _set(self, "_warmth", None if context is _COLD else _Warmth())
        _set(self, "_id", None)
        _set(self, "_kept_by", None)
        _set(self, "_record", None)

    @classmethod
    def cold(cls, **fields: Any) -> Self:
        """
        A cold version from its fields, bookkeeping included; it is not registered.

        Raises:
            pydantic.ValidationError: The fields do not make a valid one.
        """
        return cls.__pydantic_validator__.validate_python(fields, context=_COLD, by_name=True)  # type: ignore[no-any-return]

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """A warm, registered object; see pydantic for the arguments."""
        made = super().model_validate(obj, **options)
        current_registry().register(made)
        return made

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """A warm, registered object; see pydantic for the arguments."""
        made = super().model_validate_json(json_data, **options)
        current_registry().register(made)
        return made

    # ── what it is ────────────────────────────────────────────────────────────

    @property
    def id(self) -> UUID:
        """The name of this version; of a warm object, the version it was when last registered."""
        if self._warmth is not None:
            return snapshot(self).id if self._warmth.base is None else self._warmth.base.id
        if self._id is None:
            _set(
                self,
                "_id",
                ids.version_id(self.entity_kind, self.lineage_id, self.parent_id, self.entity_record),
            )
        return self._id  # type: ignore[no-any-return]

    @property
    def live_id(self) -> UUID | None:
        """The name of this warm object in this process, the same through all its edits; None when cold."""
        if self._warmth is None:
            return None
        if self._warmth.live_id is None:
            self._warmth.live_id = uuid4()
        return self._warmth.live_id  # type: ignore[no-any-return]

    @property
    def is_cold(self) -> bool:
        """Whether this is an immutable version."""
        return self._warmth is None

    @property
    def cold_snapshot(self) -> Self | None:
        """The cold version that a warm object was when last registered; a cold one itself."""
        return self if self._warmth is None else self._warmth.base

    @property
    def old_ids(self) -> list[UUID]:
        """The versions this one came from, oldest first, as far as the current registry knows them."""
        return current_registry().ancestor_ids(self)

    @property
    def entity_record(self) -> dict[str, Any]:
        """
        What this version says, as JSON, with nested entities replaced by their ids.

        Fields at their default are left out, so a field added later changes no existing id.
        """
        if self._record is not None:
            return self._record  # type: ignore[no-any-return]
        said = {
            name: _said(self, name, value)
            for name, default in _content_fields(type(self))
            if (value := self.__dict__[name]) is not default
            and name not in self.beside_the_content
            and not same(value, default)
        }
        if self._warmth is None:
            _set(self, "_record", said)
        return said

    def entity_content(self) -> Iterator[tuple[str, Any]]:
        for name, _ in _content_fields(type(self)):
            yield name, self.__dict__[name]

    def entity_dump(self, exclude: Iterable[str] = ()) -> dict[str, Any]:
        """The content as plain values, nested entities dumped the same way; no ids and no times."""
        return dump(self, frozenset(exclude))

    def has_modifications(self, other: "Entity") -> bool:
        """Whether the content differs from that of `other`, nested entities and lists included."""
        return self is not other and bool(compute_diff(self, other).field_diffs)

    def compute_diff(self, other: "Entity") -> EntityDiff:
        """What makes `self` different from the earlier `other`, field by field."""
        return compute_diff(self, other)

    @classmethod
    def compare_entities(cls, entity: "Entity", snapshot: Mapping[str, Any]) -> bool:
        """Whether an entity says the same as a dump of one."""
        return same(entity.entity_dump(), dict(snapshot))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Entity):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return all(mine[name] == theirs[name] for name in type(self).model_fields)

    def __hash__(self) -> int:
        return hash(self.lineage_id)  # the one thing that no edit changes

    # ── how it changes ────────────────────────────────────────────────────────

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        self._check_editable(name)
        before = dict(self.__dict__)
        try:
            super().__setattr__(name, value)
        except Exception:
            self.__dict__.update(before)  # a validator of the whole may refuse what is already set
            raise
        self._warmth.edited = True

    def __delattr__(self, name: str) -> None:
        raise ImmutableVersion(f"{type(self).__name__}.{name} cannot be deleted: give it another value")

    def evolve(self, *, at: datetime, **changes: Any) -> Self:
        """
        The next cold version of a cold one, with `changes` made; this version if nothing changed.

        Args:
            at: When the change happened, UTC. A clock that went backwards is held at the parent's
                time, so that a chain is always in order of `created_at`.
            changes: New values by field name.

        Raises:
            pydantic.ValidationError: The changed record would not be valid.
        """
        current = self.__dict__
        if all(name in current and same(current[name], new) for name, new in changes.items()):
            return self
        return self.successor({**self._fields(), **changes}, at=max(at, self.created_at))

    def successor(self, fields: Mapping[str, Any], *, at: datetime) -> Self:
        """The version after this one, with these fields, whether they are others or not."""
        history = {"parent_id": self.id, "version_no": self.version_no + 1, "created_at": at}
        return type(self).cold(**{**fields, "lineage_id": self.lineage_id, **history})

    def restamped(self, at: datetime) -> Self:
        """The same version with another `created_at`, which is no part of it."""
        twin = type(self).__new__(type(self))
        _set(twin, "__dict__", {**self.__dict__, "created_at": at})
        _set(twin, "__pydantic_fields_set__", set(self.model_fields_set))
        _set(twin, "__pydantic_extra__", None)
        _set(twin, "__pydantic_private__", None)
        for name, value in (
            ("_warmth", None),
            ("_kept_by", None),
            ("_id", self._id),
            ("_record", self._record),
        ):
            _set(twin, name, value)
        return twin

    def fork(self, force: bool = False, **changes: Any) -> Self:  # noqa: FBT001, FBT002 (the original's call)
        """
        Make the changes and register the next version, all or nothing.

        Of a warm object this is the object itself, which keeps its `live_id`; of a cold one a new warm copy.

        Args:
            force: Make a version even if nothing changed.
            changes: New values by field name.

        Raises:
            pydantic.ValidationError: The changed entity would not be valid; it is left as it was.
        """
        warm = thawed(self) if self._warmth is None else self
        before, edited = {name: warm.__dict__.get(name) for name in changes}, warm._warmth.edited
        if changes:
            warm._edit(changes)
        try:
            current_registry().register(warm, force=force)
        except (ValueError, TypeError, RecursionError):
            warm.__dict__.update(before)
            warm._warmth.edited = edited
            raise
        return warm

    def register_entity(self) -> Self:
        """Register this object with the current registry; a changed one forks."""
        current_registry().register(self)
        return self

    def follow(self, version: Self) -> None:
        """
        Become a later version, in place.

        Edits that were made since the version before are kept, and are the next version; what is appended
        to a list comes after what the version adds. What did not change keeps its objects, so following a
        chain costs what each step added.

        Raises:
            ImmutableVersion: This is a cold version.
        """
        warmth = self._warmth
        if warmth is None:
            raise ImmutableVersion("a cold version cannot follow another: use a warm copy")
        edited, was = warmth.edited, warmth.base.__dict__ if warmth.base is not None else {}
        for name, now in version.entity_content():
            before = was.get(name)
            if now is not before and not (edited and now == before):
                self.__dict__[name] = _merged(self.__dict__[name], before, now)
        self._take_place_of(version)
        warmth.edited = edited

    def _take_place_of(self, version: "Entity") -> None:
        for name in BOOKKEEPING:
            self.__dict__[name] = version.__dict__[name]
        self._warmth.base = version
        self._warmth.edited = False

    def _edit(self, changes: Mapping[str, Any]) -> None:
        for name in changes:
            self._check_editable(name)
        checked = self.__pydantic_validator__.validate_python({**self._fields(), **changes}, by_name=True)
        for name in changes:
            self.__dict__[name] = checked.__dict__[name]
        self._warmth.edited = True

    def _check_editable(self, name: str) -> None:
        if self._warmth is None:
            raise ImmutableVersion(
                f"{type(self).__name__} {str(self.id)[-8:]} is an immutable version: "
                f"EntityRegistry.get(id) gives a copy to edit, fork(…) the next version"
            )
        if name in BOOKKEEPING or name in ("id", "live_id", "old_ids"):
            raise ImmutableVersion(f"{name} is kept by the registry: it cannot be set")

    def _fields(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in type(self).model_fields}

    # ── where to find it ──────────────────────────────────────────────────────

    @classmethod
    def get(cls, entity_id: UUID) -> Self | None:
        """A warm copy of a version of this kind; None if there is none."""
        return current_registry().get(entity_id, cls)

    @classmethod
    def get_many(cls, entity_ids: Sequence[UUID]) -> list[Self]:
        """Warm copies in the order asked for, without those that are missing."""
        return current_registry().get_many(entity_ids, cls)

    @classmethod
    def list_all(cls) -> list[Self]:
        """Warm copies of all versions of this kind."""
        return current_registry().list_by_type(cls)

    # ── copies ────────────────────────────────────────────────────────────────

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """An independent warm copy at the same version; `update` is validated, unlike pydantic's."""
        copy = _warm_copy(self)
        if update:
            copy._edit(update)
        return copy  # type: ignore[no-any-return]

    def __copy__(self) -> Self:
        return self.model_copy()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.model_copy()

    def __getstate__(self) -> dict[Any, Any]:
        warmth = self._warmth
        state = (
            {"cold": True}
            if warmth is None
            else {"cold": False, "base": warmth.base, "edited": warmth.edited}
        )
        return {**super().__getstate__(), **state}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.model_post_init(_COLD if state["cold"] else None)
        if self._warmth is not None:
            self._warmth.base, self._warmth.edited = state["base"], state["edited"]


def kind_named(kind: str, module: str | None = None) -> type[Entity] | None:
    """
    The class of a kind; None if no module that defines it has been imported.

    Args:
        module: Whose class is meant where several modules have one of that name.
    """
    return _kinds_by_module.get((module or "", kind)) or _kinds.get(kind)


def under_id(version: Entity, version_id: UUID) -> Entity:
    """A cold version that no longer says all that its id was made of: its content was redacted."""
    _set(version, "_id", version_id)
    return version


def _is_ours(kind: type[Entity]) -> bool:
    return kind.__module__.partition(".")[0] == "minference_core"


def snapshot(entity: Entity) -> Entity:
    """The version that an entity is now: itself when cold, registered when warm."""
    warmth = entity._warmth
    if warmth is None:
        return entity
    if warmth.base is None or not _is_unchanged(entity):
        current_registry().register(entity)
    return warmth.base  # type: ignore[no-any-return]


def next_version(entity: Entity, *, force: bool = False) -> Entity | None:
    """
    The cold version that a warm entity's edits make; None when there are none.

    Raises:
        pydantic.ValidationError: An edit inside one of its lists or dicts made it invalid.
        ValueError: It is nested in itself.
    """
    warmth = entity._warmth
    if warmth.registering:
        raise ValueError(f"a {entity.entity_kind} is nested in itself: entities are trees")
    warmth.registering = True
    try:
        base = warmth.base
        if base is None:
            return type(entity).cold(**entity._fields())
        if not force and _is_unchanged(entity):
            return None
        was = base.__dict__
        fields = {
            name: was[name] if _is_still(value, was[name]) else frozen(value)
            for name, value in entity.entity_content()
        }
    finally:
        warmth.registering = False
    if not force and all(same(was[name], value) for name, value in fields.items()):
        return None
    # A tick later at least, so that sorting by time is sorting by descent.
    version = base.successor(fields, at=max(datetime.now(UTC), base.created_at + _TICK))
    now = version.__dict__
    for name, value in fields.items():
        if not same(now[name], value):
            entity.__dict__[name] = thawed(now[name])  # validation made something else of an edit in place
    if not force and all(same(was[name], now[name]) for name in fields):
        return None
    return version  # type: ignore[no-any-return]


def _is_unchanged(entity: Entity) -> bool:
    """Whether a warm entity with a version says what that says."""
    warmth = entity._warmth
    if warmth.edited:
        return False
    mine, was = entity.__dict__, warmth.base.__dict__
    for name in _deep_fields(type(entity)):  # a loop: it is run for each message of each thread
        if mine[name] is not was[name] and not _is_still(mine[name], was[name]):
            return False
    return True


def _is_still(mine: Any, was: Any) -> bool:
    """Whether a value of a warm entity is that of its version."""
    if mine is was:
        return True
    if isinstance(mine, Entity):
        return mine._warmth is not None and mine._warmth.base is was and _is_unchanged(mine)
    if isinstance(mine, list):
        return isinstance(was, list) and len(mine) == len(was) and all(map(_is_still, mine, was))
    return same(mine, was)


def settle(entity: Entity, version: Entity) -> None:
    """Note in a warm entity which version it has become."""
    if not entity.is_cold:
        entity._take_place_of(version)


def parts(version: Entity) -> Iterator[Entity]:
    """The entities directly inside a cold version."""
    values = version.__dict__
    for name in _deep_fields(type(version)):
        if (value := values[name]) is not None:
            yield from _inside(value)


def _inside(value: Any) -> Iterable[Entity]:
    match value:
        case Entity():
            return (value,)
        case list() | tuple() | set() | frozenset():
            return (
                part for item in value for part in ((item,) if isinstance(item, Entity) else _inside(item))
            )
        case dict():
            return (part for item in value.values() for part in _inside(item))
        case BaseModel():
            return (part for item in value.__dict__.values() for part in _inside(item))
    return ()


def mark_kept(version: Entity, memory: object | None) -> None:
    """Note which memory certainly holds a version, so that it need not be looked up there again."""
    _set(version, "_kept_by", memory)


def frozen(value: Any) -> Any:
    """A value as part of an immutable version: entities cold, containers unchangeable."""
    if type(value) in _PLAIN:
        return value
    match value:
        case Entity():
            return snapshot(value)
        case FrozenList() | FrozenDict() | FrozenSet():
            return value
        case list():
            return FrozenList(
                [snapshot(item) if isinstance(item, Entity) else frozen(item) for item in value]
            )
        case dict():
            return FrozenDict({key: frozen(item) for key, item in value.items()})
        case tuple():
            return _tuple_like(value, map(frozen, value))
        case frozenset():
            return frozenset(map(frozen, value))
        case set():
            return FrozenSet(map(frozen, value))
        case BaseModel():
            return _model_like(value, frozen)
    return deepcopy(value)  # itself, if it cannot change


def thawed(value: Any) -> Any:
    """A value of a version as part of a warm object: independent, and editable all the way down."""
    if type(value) in _PLAIN:
        return value
    match value:
        case Entity():
            return _warm_copy(value)
        case list():
            return [thawed(item) for item in value]
        case dict():
            return {key: thawed(item) for key, item in value.items()}
        case tuple():
            return _tuple_like(value, map(thawed, value))
        case frozenset():
            return frozenset(map(thawed, value))
        case set():
            return set(map(thawed, value))
        case BaseModel():
            return _model_like(value, thawed)
    return deepcopy(value)


def _tuple_like(value: tuple[Any, ...], items: Iterable[Any]) -> tuple[Any, ...]:
    """A tuple of the same class, which may have names for its items."""
    return value._make(items) if hasattr(value, "_make") else tuple(items)


def _model_like(model: M, make: Callable[[Any], Any]) -> M:
    """A copy of a plain model whose values are what `make` makes of them."""
    copy = model.model_copy()
    copy.__dict__.update({name: make(value) for name, value in model.__dict__.items()})
    return copy


def _warm_copy(entity: Entity) -> Any:
    copy = type(entity).__new__(type(entity))
    object.__setattr__(copy, "__dict__", {name: thawed(value) for name, value in entity._fields().items()})
    object.__setattr__(copy, "__pydantic_fields_set__", set(entity.model_fields_set))
    object.__setattr__(copy, "__pydantic_extra__", None)
    object.__setattr__(copy, "__pydantic_private__", deepcopy(entity.__pydantic_private__))
    copy.model_post_init(None)
    warmth = copy._warmth
    warmth.base = entity.cold_snapshot
    warmth.edited = entity._warmth is not None and entity._warmth.edited
    return copy


def _merged(mine: Any, before: Any, now: Any) -> Any:
    """
    The value of a version, by the objects that already stand for it where there are any.

    Args:
        mine: The value in the warm object.
        before: The one in the version that it was until now.
    """
    if isinstance(now, list) and isinstance(mine, list):
        appended = mine[len(before) :] if isinstance(before, list) else []
        both = zip(mine, now, strict=False)
        kept = [one for one, _ in takewhile(lambda pair: _stands_for(*pair), both)]
        mine[:] = [*kept, *map(thawed, now[len(kept) :]), *appended]  # in place: others may hold the list
        return mine
    if _stands_for(mine, now) or not _is_still(mine, before):
        return mine
    return thawed(now)


def _stands_for(mine: Any, now: Any) -> bool:
    return mine is now or (isinstance(mine, Entity) and mine._warmth is not None and mine._warmth.base is now)


@cache
def _deep_fields(kind: type[Entity]) -> tuple[str, ...]:
    """The fields whose values can change without being set: those that may hold a list, dict or entity."""
    return tuple(
        name
        for name, field in kind.model_fields.items()
        if name not in BOOKKEEPING and not _is_plain(field.annotation)
    )


def _is_plain(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, UnionType):
        return all(map(_is_plain, get_args(annotation)))
    if get_origin(annotation) is Literal:
        return True
    return annotation in _PLAIN or (isinstance(annotation, type) and issubclass(annotation, Enum))


@cache
def _content_fields(kind: type[Entity]) -> tuple[tuple[str, Any], ...]:
    """Every field but the bookkeeping, with its default."""
    return tuple(
        (name, _default(field)) for name, field in kind.model_fields.items() if name not in BOOKKEEPING
    )


class _Nowhere:
    """Where entities are registered that are made only to be looked at."""

    def register(self, entity: Any, *, force: bool = False) -> Any:
        return entity


def _default(field: FieldInfo) -> Any:
    """What a field has when nothing is said; an entity always is, since it has versions of its own."""
    with using(_Nowhere()):  # type: ignore[arg-type]
        default = field.get_default(call_default_factory=True, validated_data={})
    return PydanticUndefined if isinstance(default, Entity) else default


def _said(entity: Entity, name: str, value: object) -> Any:
    try:
        return _reference(value)
    except (ValueError, TypeError, RecursionError) as exc:
        raise ValueError(f"{entity.entity_kind}.{name} cannot be part of a version: {exc}") from exc


def _reference(value: object) -> Any:
    """JSON for a field's value, in which an entity is its id."""
    if type(value) in _JSON:
        return value
    match value:
        case str():
            return str.__str__(value)  # plain, where it is a member of an enum: written the same, and sooner
        case int() | float():
            return value
        case Entity():
            return _id_text(value)
        case BaseModel():
            # In full: a default may be what tells it from a value of another class.
            return value.model_dump(mode="json")
        case list() | tuple():
            return [_id_text(item) if isinstance(item, Entity) else _reference(item) for item in value]
        case dict():
            said = {str(to_jsonable_python(key)): _reference(item) for key, item in value.items()}
            if len(said) < len(value):
                raise ValueError(f"two keys are the same text in JSON: {list(value)}")
            return said
        case set() | frozenset():
            return sorted((_reference(item) for item in value), key=ids.canonical_json)
    return to_jsonable_python(value)


def _id_text(entity: Entity) -> str:
    if entity._warmth is not None:
        return str(entity.id)
    try:
        return entity._id_text  # type: ignore[no-any-return]
    except AttributeError:
        _set(entity, "_id_text", str(entity.id))
        return entity._id_text  # type: ignore[no-any-return]


# Bookkeeping of ours is kept in slots, past pydantic's own attribute handling.
_set = object.__setattr__
