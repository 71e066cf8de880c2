"""
What an answer cost, and what a request may cost, in US dollars, from the `genai-prices` table.

A price nobody knows is None and never zero: a self-hosted vLLM has no list price, a proxy's price is its
owner's, and where a table has a model but not all that was billed, the rest would be a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from importlib.metadata import version
from operator import attrgetter
from typing import Any

import genai_prices
from genai_prices.types import PriceCalculation, TieredPrices

from minference_core.threads import OwnPrice, TokenUsage

__all__ = ["NO_PRICES", "OWN_PRICE_ID", "PRICE_ID", "Price", "price"]

OWN_PRICE_ID = "own"
PRICE_ID = f"genai-prices/{version('genai-prices')}"

_NANODOLLAR = Decimal("1e-9")  # what the tables hold
_PROVIDERS = frozenset({"openai", "anthropic", "openrouter"})

# What is billed apart, if there is any of it: our count, the table's unit, and its price per million.
# Cached input and cache writes without a price of their own are input like any other.
_BILLED_APART = (
    ("prompt_tokens", "input_tokens", "input_mtok"),
    ("completion_tokens", "output_tokens", "output_mtok"),
    ("prompt_audio_tokens", "input_audio_tokens", "input_audio_mtok"),
    ("audio_tokens", "output_audio_tokens", "output_audio_mtok"),
    ("cache_creation_1h_tokens", "cache_write_1h_tokens", "cache_write_1h_mtok"),
)
# All that is counted, in proportions that leave room in each whole for one more of any of its parts.
_PROBED = {
    "prompt_tokens": 10,
    "cached_tokens": 1,
    "cache_creation_tokens": 3,
    "cache_creation_1h_tokens": 1,
    "prompt_audio_tokens": 1,
    "completion_tokens": 10,
    "reasoning_tokens": 1,
    "audio_tokens": 1,
}
_counts_of = attrgetter(*_PROBED)
_LIST_TIERS = frozenset({None, "auto", "default", "standard"})
# The other tiers by the table's words for them, where those are not {"service_tier": …}.
_TIERS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("anthropic", "batch"): {"processing": "batch"},
    ("anthropic", "fast"): {"speed": "fast"},
}


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars, or None where no table has the model; and which table said so."""

    usd: Decimal | None
    price_id: str | None


_UNKNOWN = Price(None, None)
NO_PRICES: Mapping[str, OwnPrice] = {}


def price(
    client: str, model: str | None, usage: TokenUsage, own: Mapping[str, OwnPrice] = NO_PRICES
) -> Price:
    """
    What these tokens cost: at the user's own price, else on list.

    Args:
        client: Who serves it; only priced providers have a price.
        model: The model's name as it was asked for.
        usage: Tokens, of an answer or of an estimate.
        own: The user's prices, by model.
    """
    if model is not None and model in own and usage.prompt_tokens is not None:
        return Price(own[model].of(usage).quantize(_NANODOLLAR, ROUND_HALF_UP), OWN_PRICE_ID)
    if client not in _PROVIDERS or model is None or usage.prompt_tokens is None:
        return _UNKNOWN
    counts = tuple(count or 0 for count in _counts_of(usage))
    if not _are_consistent(*counts):
        return _looked_up(client, model, usage)
    tariff = _tariff(client, model, usage.service_tier, tuple(map(bool, counts)))
    if tariff is None:
        return _looked_up(client, model, usage)
    for start, rates in tariff:
        if counts[0] > start or not start:
            usd = sum((rate * count for rate, count in zip(rates, counts, strict=True) if count), Decimal(0))
            return Price(usd.quantize(_NANODOLLAR, ROUND_HALF_UP), PRICE_ID)
    return _UNKNOWN


def _are_consistent(
    prompt: int, cached: int, created: int, created_1h: int, heard: int, completion: int, reasoned: int,
    spoken: int,
) -> bool:  # fmt: skip
    """Whether all parts are surely within their wholes: only then does each have a price of its own."""
    return cached + created + heard <= prompt and created_1h <= created and reasoned + spoken <= completion


_Rates = tuple[Decimal, ...]  # what one more of each count costs


@lru_cache(maxsize=1_024)
def _tariff(
    client: str, model: str, service_tier: str | None, billed: tuple[bool, ...]
) -> tuple[tuple[int, _Rates], ...] | None:
    """
    The rates of prompts of more than so many tokens, the longest first, asked of the table once: to look up
    each answer's price there takes longer than all else that becomes of it.

    Args:
        billed: Of which counts there are any.

    Returns:
        None where the price is not simply so much a token; nothing where it is not known.
    """
    asked: dict[str, Any] = {
        name: parts for (name, parts), has_any in zip(_PROBED.items(), billed, strict=True) if has_any
    }
    found = _found(client, model, TokenUsage(**asked, service_tier=service_tier))
    if found is None:
        return ()
    prices = vars(found.model_price).values()
    starts = {tier.start for price in prices if isinstance(price, TieredPrices) for tier in price.tiers}
    steps = []
    for start in sorted({0, *starts}, reverse=True):
        counts = {name: parts * (start // 10 + 1) for name, parts in asked.items()}
        if (rates := _rates(client, model, service_tier, counts)) is None:
            return None
        steps.append((start, rates))
    return tuple(steps)


def _rates(client: str, model: str, service_tier: str | None, counts: Mapping[str, Any]) -> _Rates | None:
    """What the table adds for one more of each count; None if that is not all there is to the price."""
    base = _found(client, model, TokenUsage(**counts, service_tier=service_tier))
    more = [
        _found(client, model, TokenUsage(**{**counts, name: counts[name] + 1}, service_tier=service_tier))
        if name in counts
        else base
        for name in _PROBED
    ]
    if base is None or None in more:
        return None
    rates = tuple(found.total_price - base.total_price for found in more if found is not None)
    whole = sum((rate * counts.get(name, 0) for name, rate in zip(_PROBED, rates, strict=True)), Decimal(0))
    return rates if whole == base.total_price else None


def _looked_up(client: str, model: str, usage: TokenUsage) -> Price:
    found = _found(client, model, usage)
    if found is None:
        return _UNKNOWN
    return Price(found.total_price.quantize(_NANODOLLAR, ROUND_HALF_UP), PRICE_ID)


def _found(client: str, model: str, usage: TokenUsage) -> PriceCalculation | None:
    now = datetime.now(UTC)
    tier = _tier(client, usage.service_tier)
    try:
        found = genai_prices.calc_price(
            _billed(usage), model, provider_id=client, genai_request_timestamp=now, price_context=tier
        )
    except (LookupError, ValueError):  # no such model, or counts that contradict each other
        return None
    return found if _has_every_price(found, usage) and _has_tier(found, tier, now) else None


def _billed(usage: TokenUsage) -> genai_prices.Usage:
    """
    The counts in the table's units; a larger one holds the smaller ones that it is made of.

    Both cached input and audio leave open how much of the audio was cached, so a table that has a price
    for just that says nothing.
    """
    return genai_prices.Usage(
        cache_read_tokens=usage.cached_tokens or 0,
        cache_write_tokens=usage.cache_creation_tokens or 0,
        output_reasoning_tokens=usage.reasoning_tokens or 0,
        **{unit: getattr(usage, counted) or 0 for counted, unit, _ in _BILLED_APART},
    )


def _tier(client: str, tier: str | None) -> Mapping[str, str]:
    if tier is None or tier in _LIST_TIERS:
        return {}
    return _TIERS.get((client, tier), {"service_tier": tier})


def _has_every_price(found: PriceCalculation, usage: TokenUsage) -> bool:
    return all(
        getattr(found.model_price, price_key) is not None
        for counted, _, price_key in _BILLED_APART
        if getattr(usage, counted)
    )


def _has_tier(found: PriceCalculation, tier: Mapping[str, str], now: datetime) -> bool:
    """The table gives the list price for a tier that it does not know."""
    return not tier or any(
        variant.when == tier and (variant.constraint is None or variant.constraint.active(now))
        for variant in found.model.price_variants or ()
    )
