"""Splits: which part of an export a conversation is in, for ever the same."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from minference_core.errors import ConfigError

__all__ = ["NO_SPLITS", "Splits"]

_BUCKETS = 2**32
_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Splits:
    """
    Names with their shares; none put everything into one file.

    A conversation's is decided by its lineage alone, so all its versions are in the same one, in every
    export, whatever else is in it.
    """

    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, share in self.shares.items():
            if not _NAME.fullmatch(name):
                raise ConfigError(f"split {name!r}: a name is letters, digits and _")
            if not 0 < share <= 1:
                raise ConfigError(f"split {name}={share:g}: a share is more than 0 and at most 1")
        if math.fsum(self.shares.values()) > 1 + 1e-9:
            raise ConfigError(f"the splits {', '.join(self.shares)} are more than the whole together")

    @property
    def names(self) -> tuple[str | None, ...]:
        """One for each file."""
        return tuple(self.shares) or (None,)

    def sql(self, lineage: str) -> str:
        """The number of a lineage's split, from 0; null where the shares leave it out."""
        if not self.shares:
            return "0"
        shares = [*self.shares.values()]
        ends = [round(min(math.fsum(shares[: n + 1]), 1.0) * _BUCKETS) for n in range(len(shares))]
        bucket = f"('0x' || left(md5({lineage}::varchar), 8))::bigint"
        cases = " ".join(f"when {bucket} < {end} then {number}" for number, end in enumerate(ends))
        return f"case {cases} end"


NO_SPLITS = Splits({})
