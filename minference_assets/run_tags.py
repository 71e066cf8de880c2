"""What a run's tags say to its steps: the way in for the command line and for who launches from the UI."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import ValidationError

from minference_core.engine import Budget, Cap, Caps
from minference_core.errors import ConfigError

__all__ = ["BUDGET_TOKENS", "BUDGET_USD", "PROCESS", "budget_tags", "run_budgets"]

BUDGET_USD = "minference/budget_usd"
BUDGET_TOKENS = "minference/budget_tokens"
PROCESS = "minference/process"
# What runs that were asked for at once have in common: a backfill, a command, a run and its retries.
_TOGETHER = ("dagster/backfill", PROCESS, "dagster/root_run_id")


def budget_tags(usd: Decimal | None, tokens: int | None) -> dict[str, str]:
    """The tags of runs that may together spend so much."""
    said = {BUDGET_USD: usd, BUDGET_TOKENS: tokens}
    return {name: str(amount) for name, amount in said.items() if amount is not None}


def run_budgets(tags: Mapping[str, str], dataset: str, run_id: str, *, simulated: bool) -> list[Budget]:
    """
    The budget that was given to this run, or to those it was asked for with; none if there is none.

    Args:
        tags: The run's.
        simulated: Whether nobody real is asked.

    Raises:
        ConfigError: A tag is no amount.
    """
    said = {"usd": tags.get(BUDGET_USD) or None, "tokens": tags.get(BUDGET_TOKENS) or None}
    if not any(said.values()):
        return []
    try:
        cap = Cap.model_validate(said)
    except ValidationError as exc:
        raise ConfigError(
            f"the run's tags {BUDGET_USD} and {BUDGET_TOKENS} are {said['usd']!r} and {said['tokens']!r}: "
            f"give dollars and whole tokens, more than 0"
        ) from exc
    asked_with = next((tags[name] for name in _TOGETHER if name in tags), run_id)
    return Caps(run=cap).budgets(dataset, f"{asked_with}, as asked", simulated=simulated)
