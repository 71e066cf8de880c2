"""Numbers that satisfy a schema: bounds on either side, inclusive or not, and multiples."""

import math
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from minference_core.simulator.json_values.strings import Unsatisfiable

__all__ = ["number_value"]

_SPAN = 100
_LARGEST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class _Range:
    """Bounds as a schema gives them; an open one is excluded itself."""

    low: Fraction | None
    low_open: bool
    high: Fraction | None
    high_open: bool

    def holds(self, value: Fraction) -> bool:
        above = self.low is None or self.low < value or (self.low == value and not self.low_open)
        below = self.high is None or value < self.high or (self.high == value and not self.high_open)
        return above and below


def number_value(schema: dict[str, Any], rng: Random, *, whole: bool) -> int | float:
    """A number within bounds; `whole` for type integer."""
    bounds = _bounds(schema)
    step = schema.get("multipleOf")
    if whole or step is not None:
        return _on_grid(rng, bounds, _step(step, whole=whole))
    low, high = _ends(bounds)
    for digits in (2, 4, 8, None):
        value = float(low) + rng.random() * float(high - low)
        value = value if digits is None else round(value, digits)
        if bounds.holds(_exact(value)):
            return value
    middle = float((low + high) / 2)
    if bounds.holds(_exact(middle)):
        return middle
    raise Unsatisfiable(f"no number from {float(low)} to {float(high)}")


def _bounds(schema: dict[str, Any]) -> _Range:
    low, low_open = _bound(schema.get("minimum"), schema.get("exclusiveMinimum"), upper=False)
    high, high_open = _bound(schema.get("maximum"), schema.get("exclusiveMaximum"), upper=True)
    return _Range(low, low_open, high, high_open)


def _bound(inclusive: Any, exclusive: Any, *, upper: bool) -> tuple[Fraction | None, bool]:
    """The tighter of two bounds and whether it is excluded itself; reads draft 4's boolean form too."""
    if isinstance(exclusive, bool):
        return (None if inclusive is None else _exact(inclusive)), exclusive
    if exclusive is None:
        return (None if inclusive is None else _exact(inclusive)), False
    if inclusive is None:
        return _exact(exclusive), True
    first, second = _exact(inclusive), _exact(exclusive)
    open_is_tighter = second <= first if upper else second >= first
    return (second, True) if open_is_tighter else (first, False)


def _exact(value: float) -> Fraction:
    return Fraction(str(value))  # as it is written: 0.1 is a tenth


def _ends(bounds: _Range) -> tuple[Fraction, Fraction]:
    """Both ends, made up where the schema leaves one open."""
    low, high = bounds.low, bounds.high
    if low is None:
        low = Fraction(0) if high is None or high > 0 else high - _SPAN
    return low, low + _SPAN if high is None else high


def _step(step: float | None, *, whole: bool) -> Fraction:
    exact = Fraction(1) if step is None else _exact(step)
    return Fraction(exact.numerator) if whole else exact  # a multiple of 1.5 that is whole is one of 3


def _on_grid(rng: Random, bounds: _Range, step: Fraction) -> int | float:
    low, high = _ends(bounds)
    first = math.floor(low / step) + 1 if bounds.low_open else math.ceil(low / step)
    last = math.ceil(high / step) - 1 if bounds.high_open else math.floor(high / step)
    if bounds.high is None:
        last = max(last, first + _SPAN)
    if bounds.low is None:
        first = min(first, last)
    if first > last:
        raise Unsatisfiable(f"no multiple of {float(step)} is within the bounds")
    value = rng.randint(first, min(last, first + 10_000)) * step
    if value.denominator == 1 and abs(value) < _LARGEST_EXACT:
        return int(value)
    return float(value)
