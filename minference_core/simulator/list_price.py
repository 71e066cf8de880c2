"""
What an answer costs on list, worked out from the usage that it was sent with.

The server's own sum, by its own reading: a client's sum is held against it, so the two share no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import genai_prices

from minference_core.simulator.wire import JsonObject

__all__ = ["Used", "cost_usd"]

_MILLION = 1_000_000
_FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Used:
    """An answer's tokens as they are billed: no two of these counts hold the same token."""

    plain: int
    cached: int
    written_5m: int
    written_1h: int
    output: int

    @classmethod
    def of(cls, usage: JsonObject) -> "Used":
        """Read what any of the APIs says of its usage."""
        output = usage.get("completion_tokens") or usage.get("output_tokens") or 0
        if "cache_read_input_tokens" in usage:
            written = usage["cache_creation"]
            return cls(
                usage["input_tokens"],
                usage["cache_read_input_tokens"],
                written["ephemeral_5m_input_tokens"],
                written["ephemeral_1h_input_tokens"],
                output,
            )
        sent = usage["prompt_tokens"] if "prompt_tokens" in usage else usage["input_tokens"]
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
        cached, written_5m = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
        return cls(sent - cached - written_5m, cached, written_5m, 0, output)

    @property
    def input(self) -> int:
        return self.plain + self.cached + self.written_5m + self.written_1h


def cost_usd(provider: str, model: str, body: JsonObject, headers: Mapping[str, str]) -> Decimal | None:
    """Dollars; what the answer itself says where it does, None where nobody sells the model on list."""
    said = body["usage"].get("cost", headers.get("x-litellm-response-cost"))
    if said is not None:
        return Decimal(str(said))
    rates = _rates(provider, model)
    if rates is None:
        return None
    used = Used.of(body["usage"])
    if isinstance(rates, _Stepped):
        return _looked_up(provider, model, used)
    return (
        used.plain * rates.plain
        + used.cached * rates.cached
        + used.written_5m * rates.written_5m
        + used.written_1h * rates.written_1h
        + used.output * rates.output
    ) / _MILLION


@dataclass(frozen=True, slots=True)
class _Rates:
    """Dollars for a million tokens."""

    plain: Decimal
    cached: Decimal
    written_5m: Decimal
    written_1h: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class _Stepped:
    """A price that depends on how long the prompt is."""


@lru_cache(maxsize=1024)
def _rates(provider: str, model: str) -> _Rates | _Stepped | None:
    """The table takes a tenth of a millisecond to answer, so a model is looked up once."""
    try:
        found = genai_prices.calc_price(genai_prices.Usage(), model, provider_id=provider).model_price
    except LookupError:
        return None
    plain, output = found.input_mtok or _FREE, found.output_mtok or _FREE
    cached = plain if found.cache_read_mtok is None else found.cache_read_mtok
    written_5m = plain if found.cache_write_mtok is None else found.cache_write_mtok
    written_1h = written_5m if found.cache_write_1h_mtok is None else found.cache_write_1h_mtok
    rates = (plain, cached, written_5m, written_1h, output)
    flat = [rate for rate in rates if isinstance(rate, Decimal)]
    return _Rates(*flat) if len(flat) == len(rates) else _Stepped()


def _looked_up(provider: str, model: str, used: Used) -> Decimal:
    counts = genai_prices.Usage(
        input_tokens=used.input,
        cache_read_tokens=used.cached,
        cache_write_tokens=used.written_5m + used.written_1h,
        cache_write_1h_tokens=used.written_1h,
        output_tokens=used.output,
    )
    return genai_prices.calc_price(counts, model, provider_id=provider).total_price
