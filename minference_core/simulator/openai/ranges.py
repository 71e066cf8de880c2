"""Numbers in a request: how small and how large each may be, and what OpenAI says of one that is not."""

from typing import Literal

from minference_core.simulator.openai.refusals import bad
from minference_core.simulator.wire import JsonObject

__all__ = ["Ranges", "check_ranges"]

Ranges = dict[str, tuple[float | None, float | None]]  # field: (lowest, highest)


def check_ranges(body: JsonObject, ranges: Ranges, kind: Literal["decimal", "integer"]) -> None:
    """
    Raises:
        Refused: A field of `ranges` is below or above what it may be.
    """
    for field, (lowest, highest) in ranges.items():
        if (value := body.get(field)) is not None:
            _in_range(field, value, lowest, highest, kind)


def _in_range(field: str, value: float, lowest: float | None, highest: float | None, kind: str) -> None:
    if lowest is not None and value < lowest:
        rule = f"Expected a value >= {lowest}, but got {value} instead."
        message = f"Invalid '{field}': {kind} below minimum value. {rule}"
        raise bad(message, field, f"{kind}_below_min_value")
    if highest is not None and value > highest:
        rule = f"Expected a value <= {highest}, but got {value} instead."
        message = f"Invalid '{field}': {kind} above maximum value. {rule}"
        raise bad(message, field, f"{kind}_above_max_value")
