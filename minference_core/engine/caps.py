"""What a dataset's settings say of budgets, and the budgets that they are."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from minference_core.engine.budget import Budget

__all__ = ["Cap", "Caps"]


class Cap(BaseModel):
    """
    The most that may be spent.

    Attributes:
        usd: US dollars.
        tokens: Read and written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None


class Caps(BaseModel):
    """
    By what they hold.

    Attributes:
        run: Of each run.
        dataset: Of all runs of the dataset together, for ever.
        day: Of all runs of the dataset on one day (UTC).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Cap | None = None
    dataset: Cap | None = None
    day: Cap | None = None

    def budgets(self, dataset: str, run_id: str, *, simulated: bool) -> list[Budget]:
        """
        The budgets that a run has to keep.

        Args:
            simulated: Whether nobody real is asked: what that "costs" is counted apart.
        """
        whose = f"dataset {dataset}"
        named = (
            (self.run, f"run {run_id}", False),
            (self.dataset, whose, False),
            (self.day, f"{whose} on", True),
        )
        return [
            Budget(
                scope=f"simulated {scope}" if simulated else scope,
                daily=daily,
                usd=cap.usd,
                tokens=cap.tokens,
            )
            for cap, scope, daily in named
            if cap is not None
        ]
