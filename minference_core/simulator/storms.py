"""Stretches of time in which every request has the same fault, as a provider's bad minutes are."""

import re
from dataclasses import dataclass

from minference_core.simulator.faults import check_faults

__all__ = ["Storm", "parse_storm"]

_SECONDS = r"(\d+(?:\.\d+)?|\.\d+)s?"
_FORM = re.compile(rf"\s*(\S+?)\s*=\s*{_SECONDS}/{_SECONDS}(?:@{_SECONDS})?\s*")


@dataclass(frozen=True, slots=True)
class Storm:
    """
    Args:
        fault: What happens to every request; `parse_fault` has the names.
        lasts_s: How long each one is.
        every_s: Seconds from the beginning of one to that of the next.
        first_s: When the first begins, after the server's start; if not said, so that it ends with the
            first stretch of `every_s`.
    """

    fault: str
    lasts_s: float
    every_s: float
    first_s: float | None = None

    def __post_init__(self) -> None:
        check_faults({self.fault: 1.0})
        if not 0 < self.lasts_s <= self.every_s:
            raise ValueError(
                f"storm {self.fault!r} lasts {self.lasts_s:g} s of every {self.every_s:g} s: it must last"
                " longer than 0 s, and no longer than until the next"
            )

    def rages(self, elapsed_s: float) -> bool:
        """Whether it does so long after the start."""
        first = self.every_s - self.lasts_s if self.first_s is None else self.first_s
        return elapsed_s >= first and (elapsed_s - first) % self.every_s < self.lasts_s


def parse_storm(text: str) -> Storm:
    """
    Read one `NAME=LENGTH/PERIOD` or `NAME=LENGTH/PERIOD@START`, in seconds, as the command line gives it.

    Raises:
        ValueError: Not of that form, an unknown name, or lengths that make no sense.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"storm {text!r} is not NAME=LENGTH/PERIOD in seconds, for example 429=10s/60s")
    fault, lasts, every, first = found.groups()
    return Storm(fault, float(lasts), float(every), None if first is None else float(first))
