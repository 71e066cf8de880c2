"""
`minference budgets`: what is spent of each dataset's budgets, and what is left.

Heavy imports are inside the command, as in `cli.py`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from minference_assets.dataset import Dataset
    from minference_core.engine import Balance

__all__ = ["budgets"]

_NAMES = ("dataset", "of", "at most", "spent", "set aside", "left")
_NO_BUDGETS = (
    "no dataset has a budget that outlasts a run: write `budgets:` with `dataset:` or `day:` "
    "into its defs.yaml (the README has an example)"
)


@click.command()
def budgets() -> None:
    """
    What is spent of each dataset's budgets, set aside by runs, and left.

    Of those for ever and of today's (UTC). What a run sets aside is the most that its requests under way may
    cost; one that was killed holds it until its partition is run again.
    """
    from minference_assets import console
    from minference_assets.loading import load_datasets

    balances, under_way = asyncio.run(_books())
    rows = [row for dataset in load_datasets() for row in _rows(dataset, balances)]
    if not rows:
        click.echo(_NO_BUDGETS)
        return
    console.show_answer(console.open_console(), _NAMES, rows)
    for holder in under_way:
        journal, _, run_id = holder.rpartition(" ")
        click.echo(f"under way, or killed: run {run_id} of {journal}")


async def _books() -> "tuple[list[Balance], list[str]]":
    from minference_assets import settings
    from minference_core.engine import Ledger

    with Ledger(settings.ledger_url(settings.data_folder())) as ledger:
        return await ledger.balances(), sorted(filter(None, await ledger.open_holdings("")))


def _rows(dataset: "Dataset", balances: "Sequence[Balance]") -> Iterator[tuple[str, ...]]:
    taken = {(balance.scope, balance.unit): balance for balance in balances}
    now = datetime.now(UTC)
    lasting = dataset.caps.model_copy(update={"run": None})
    for simulated in (False, True):
        for budget in lasting.budgets(dataset.name, "", simulated=simulated):
            for scope in budget.scopes(now):
                balance = taken.get((scope.name, scope.unit))
                if balance is None and simulated:
                    continue  # most datasets are never simulated under a budget
                spent, held = (balance.spent, balance.held) if balance else (0, 0)
                amounts = (scope.most, spent, held, scope.most - spent - held)
                what = "today" if budget.daily else "all runs"
                yield (
                    dataset.name,
                    f"{what}, simulated" if simulated else what,
                    *(_shown(amount, scope.unit) for amount in amounts),
                )


def _shown(amount: int, unit: str) -> str:
    from minference_assets.metadata import usd

    return usd(Decimal(amount).scaleb(-9)) if unit == "nanodollars" else f"{amount:,} tokens"
