"""Entities of every shape, for the tests of this folder."""

from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from minference_core.entities import Entity


class Prompt(Entity):
    content: str = ""
    name: str | None = None


class Config(Entity):
    model: str = "small"
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    stop: list[str] = Field(default_factory=list)


class Message(Entity):
    role: str = "user"
    content: str = ""


class Thread(Entity):
    """Nested entities one by one, in a list and in a dict, beside plain values."""

    name: str | None = None
    prompt: Prompt | None = None
    config: Config = Field(default_factory=Config)
    history: list[Message] = Field(default_factory=list)
    tools: dict[str, Prompt] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)
    tags: set[str] = Field(default_factory=set)


class Note(Entity):
    text: str = ""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mood(StrEnum):
    GLAD = "glad"
    SAD = "sad"


class Point(NamedTuple):
    x: int
    y: int


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)

    size: int = 0
    parts: dict[str, int] = Field(default_factory=dict)


class Plain(BaseModel):
    """An ordinary model, no entity, that anybody may edit."""

    size: int = 0
    parts: list[int] = Field(default_factory=list)


class Everything(Entity):
    """A field of every type that people put into models."""

    number: float = 0.0
    whole: int = 0
    flag: bool = False
    price: Decimal = Decimal(0)
    at: datetime | None = None
    ref: UUID | None = None
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    mood: Mood = Mood.GLAD
    raw: bytes = b""
    pair: tuple[int, str] = (0, "")
    many: tuple[Message, ...] = ()
    point: Point = Point(0, 0)
    names: frozenset[str] = frozenset()
    tags: set[str] = Field(default_factory=set)
    by_number: dict[int, str] = Field(default_factory=dict)
    plain: Plain = Field(default_factory=Plain)
    frozen: Frozen = Field(default_factory=Frozen)
    nested: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    one_or_other: Prompt | Message | str | None = None
    anything: Any = None


class Tidy(Entity):
    """Its validators change what they are given, and refuse what does not fit together."""

    names: list[str] = Field(default_factory=list)
    low: int = 0
    high: int = 10
    total: int = 0

    @field_validator("names")
    @classmethod
    def _lower(cls, names: list[str]) -> list[str]:
        return [name.lower() for name in names]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        self.__dict__["total"] = self.low + self.high
        return self


class Tree(Entity):
    """Entities of the same kind inside each other."""

    name: str = ""
    inside: list["Tree"] = Field(default_factory=list)
