"""A price that its user gives: of a model that no table has, or on terms of one's own."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from minference_core.threads.reply import TokenUsage

__all__ = ["OwnPrice"]

_MILLION = Decimal(1_000_000)

Dollars = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class OwnPrice(BaseModel):
    """
    US dollars for a million tokens.

    Attributes:
        cached_input: Of what is read from the provider's cache; as other input when left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None

    def of(self, usage: TokenUsage) -> Decimal:
        """What these tokens cost."""
        cached = usage.cached_tokens or 0
        per_cached = self.input if self.cached_input is None else self.cached_input
        read = ((usage.prompt_tokens or 0) - cached) * self.input + cached * per_cached
        return (read + (usage.completion_tokens or 0) * self.output) / _MILLION
