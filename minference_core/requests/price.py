"""
What an answer cost, and what a request may cost, in US dollars, from the `genai-prices` table.

A price nobody knows is None and never zero: a self-hosted vLLM has no list price, and a proxy's
price is its owner's.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from importlib.metadata import version

import genai_prices

from minference_core.threads import TokenUsage

__all__ = ["PRICE_ID", "Price", "price"]

PRICE_ID = f"genai-prices/{version('genai-prices')}"

_NANODOLLAR = Decimal("1e-9")  # what the tables hold
_PROVIDERS = frozenset({"openai", "anthropic", "openrouter"})


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars, or None where no table has the model; and which table said so."""

    usd: Decimal | None
    price_id: str | None


_UNKNOWN = Price(None, None)


def price(client: str, model: str | None, usage: TokenUsage) -> Price:
    """
    What these tokens cost on list.

    Args:
        client: Who serves it; only priced providers have a price.
        model: The model's name as it was asked for.
        usage: Tokens, of an answer or of an estimate.
    """
    if client not in _PROVIDERS or model is None or usage.prompt_tokens is None:
        return _UNKNOWN
    return _price(
        client,
        model,
        usage.prompt_tokens,
        usage.completion_tokens or 0,
        usage.cached_tokens or 0,
        usage.cache_creation_tokens or 0,
    )


@lru_cache(maxsize=65_536)
def _price(client: str, model: str, prompt: int, completion: int, cached: int, created: int) -> Price:
    tokens = genai_prices.Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_tokens=cached,
        cache_write_tokens=created,
    )
    try:
        found = genai_prices.calc_price(tokens, model, provider_id=client)
    except (LookupError, ValueError):  # no such model, or counts that contradict each other
        return _UNKNOWN
    return Price(found.total_price.quantize(_NANODOLLAR, ROUND_HALF_UP), PRICE_ID)
