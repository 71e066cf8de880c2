"""What a run's tags say to its steps: the way in for the command line and for who launches from the UI."""

from collections.abc import Mapping

from pydantic import ValidationError

from minference_core.engine import Cap
from minference_core.errors import ConfigError

__all__ = ["BUDGET_TOKENS", "BUDGET_USD", "run_cap"]

BUDGET_USD = "minference/budget_usd"
BUDGET_TOKENS = "minference/budget_tokens"


def run_cap(tags: Mapping[str, str]) -> Cap | None:
    """
    The budget of this run alone; None if it has none.

    Raises:
        ConfigError: A tag is no amount.
    """
    said = {"usd": tags.get(BUDGET_USD) or None, "tokens": tags.get(BUDGET_TOKENS) or None}
    if not any(said.values()):
        return None
    try:
        return Cap.model_validate(said)
    except ValidationError as exc:
        raise ConfigError(
            f"the run's tags {BUDGET_USD} and {BUDGET_TOKENS} are {said['usd']!r} and {said['tokens']!r}: "
            f"give dollars and whole tokens, more than 0"
        ) from exc
