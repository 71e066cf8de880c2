"""The options that say what a command may spend."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import click

__all__ = ["with_budget"]


class _Dollars(click.ParamType):
    name = "USD"

    def convert(
        self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is no amount of dollars", param, ctx)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value} is not more than 0", param, ctx)
        return amount


def with_budget(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `budget_usd` and `budget_tokens`."""
    for decorate in (
        click.option(
            "--budget-tokens",
            type=click.IntRange(1),
            help="Spend no more tokens than that, read and written.",
        ),
        click.option("--budget-usd", type=_Dollars(), help="Spend no more dollars than that."),
    ):
        command = decorate(command)
    return command
