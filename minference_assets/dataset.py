"""A dataset as its assets see it: what its YAML says, with every value in its final type."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import dagster as dg

from minference_core.conversations import Scope
from minference_core.engine import Caps, LaneLimits
from minference_core.export import ExportOrder
from minference_core.specs import SpecDefaults

__all__ = ["Dataset", "checked_name"]


def checked_name(name: str) -> str:
    """
    A dataset's name is a folder, a Dagster group and a job.

    Raises:
        ValueError: It cannot be all of these.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name}: a dataset's name is small letters, digits and _, a letter first")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A named stream of partitions, and how its conversations are to be held."""

    name: str
    description: str
    owners: tuple[str, ...]
    partitions: dg.PartitionsDefinition
    defaults: SpecDefaults
    limits: Mapping[str, LaneLimits] = field(default_factory=dict)
    max_in_flight: int = 64
    tool_timeout_s: float | None = None
    budget_usd: Decimal | None = None  # of one partition's plan, at its highest cost
    caps: Caps = field(default_factory=Caps)  # what runs may really spend
    allow_unknown_price: bool = False  # whether a budget may be held although some of it has no price
    transcripts: bool = True
    reuse: Scope = Scope.PARTITION
    exports: Mapping[str, ExportOrder] = field(default_factory=dict)  # by the names of their assets

    def key(self, asset: str) -> dg.AssetKey:
        return dg.AssetKey([self.name, asset])
