"""A user's own kinds of entities, with a field of every sort, for the tests that store them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from minference_core.entities import Entity


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Spot(BaseModel):
    """No entity: a plain value."""

    at: datetime | None = None
    shade: Colour = Colour.RED
    marks: tuple[int, ...] = ()


class Corner(NamedTuple):
    x: int
    y: int


class Leaf(Entity):
    entity_kind: ClassVar[str] = "StoredLeaf"

    text: str = ""
    size: float = 0.0


class RareLeaf(Leaf):
    entity_kind: ClassVar[str] = "StoredRareLeaf"

    price: Decimal = Decimal(1)


class Twig(Entity):
    """Other entities by themselves and in every container, beside values that only look like them."""

    entity_kind: ClassVar[str] = "StoredTwig"
    beside_the_content: ClassVar[frozenset[str]] = frozenset({"found_by", "found_on", "looks"})

    name: str = ""
    leaf: RareLeaf | Leaf | None = None
    leaves: list[Leaf] = Field(default_factory=list)
    by_name: dict[str, Leaf] = Field(default_factory=dict)
    by_number: dict[int, list[Leaf]] = Field(default_factory=dict)
    pair: tuple[Leaf, str] | None = None
    loose: set[Leaf | str] = Field(default_factory=set)
    twigs: list["Twig"] = Field(default_factory=list)
    texts: dict[str, str] = Field(default_factory=dict)

    price: Decimal = Decimal(0)
    born: date | None = None
    lasts: timedelta | None = None
    seen: datetime | None = None
    ref: UUID | None = None
    shade: Colour = Colour.RED
    spot: Spot = Field(default_factory=Spot)
    corner: Corner = Corner(0, 0)
    words: set[str] = Field(default_factory=set)
    shades: frozenset[Colour] = frozenset()
    raw: bytes = b""
    numbers: dict[int, float] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)

    found_by: Leaf | None = None
    found_on: datetime | None = None
    looks: int = 1


class StrictSpot(Spot):
    model_config = ConfigDict(strict=True)


class Bark(Entity):
    """Takes each value as its own type only, and so do the plain values in it."""

    entity_kind: ClassVar[str] = "StoredBark"
    model_config = ConfigDict(strict=True)

    seen: datetime | None = None
    leaves: list[Leaf] = Field(default_factory=list)
    spot: StrictSpot | None = None
