"""
`minference budgets`: what is spent of each dataset's budgets, and what is left.

Heavy imports are inside the command, as in `cli.py`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from minference_assets.dataset import Dataset
    from minference_core.engine import Balance

    Balances = Mapping[tuple[str, str], Balance]

__all__ = ["budgets"]

_NAMES = ("dataset", "of", "at most", "spent", "set aside", "left")
_NO_BUDGETS = (
    "no dataset has a budget that outlasts a run: write budgets with dataset or day "
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

    balances = asyncio.run(_balances())
    rows: list[tuple[str, ...]] = []
    holders: set[str] = set()
    for dataset in load_datasets():
        for row, who in _rows(dataset, balances):
            rows.append(row)
            holders |= who
    if not rows:
        click.echo(_NO_BUDGETS)
        return
    console.show_answer(console.open_console(), _NAMES, rows)
    for holder in sorted(holders):
        journal, _, run_id = holder.rpartition(" ")
        click.echo(f"set aside by run {run_id}, which is under way or was killed, of {journal}")


async def _balances() -> "Balances":
    from minference_assets import settings
    from minference_core.engine import Ledger

    with Ledger(settings.ledger_url(settings.data_folder())) as ledger:
        return {(each.scope, each.unit): each for each in await ledger.balances()}


def _rows(dataset: "Dataset", balances: "Balances") -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """A row for each of a dataset's budgets, and who has set aside some of it."""
    now = datetime.now(UTC)
    lasting = dataset.caps.model_copy(update={"run": None})
    for simulated in (False, True):
        for budget in lasting.budgets(dataset.name, "", simulated=simulated):
            what = "today" if budget.daily else "all runs"
            for scope in budget.scopes(now):
                balance = balances.get((scope.name, scope.unit))
                if balance is None and simulated:
                    continue  # most datasets are never simulated under a budget
                spent, held = (balance.spent, balance.held) if balance else (0, 0)
                amounts = (scope.most, spent, held, scope.most - spent - held)
                row = (
                    dataset.name,
                    f"{what}, simulated" if simulated else what,
                    *(_shown(amount, scope.unit) for amount in amounts),
                )
                yield row, set(balance.holders if balance else ())


def _shown(amount: int, unit: str) -> str:
    from minference_assets.metadata import usd

    return usd(Decimal(amount).scaleb(-9)) if unit == "nanodollars" else f"{amount:,} tokens"
