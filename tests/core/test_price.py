"""What an answer cost: all of what was billed, at the price of its tier, or nothing that would be a guess."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.requests import PRICE_ID, price
from minference_core.threads import TokenUsage

MILLION = 1_000_000


def dollars(client: str, model: str | None, **usage: Any) -> Decimal | None:
    return price(client, model, TokenUsage(**usage)).usd


def per_million(client: str, model: str, **usage: Any) -> Decimal:
    """Of a thousand tokens each, so that no long-context price applies."""
    usd = dollars(client, model, **usage)
    assert usd is not None
    return usd * 1_000


def test_the_price_says_which_table_it_is_from() -> None:
    known = price("openai", "gpt-4.1-mini", TokenUsage(prompt_tokens=1_000, completion_tokens=0))

    assert (known.usd, known.price_id) == (Decimal("0.0004"), PRICE_ID)
    assert price("openai", "nobody's", TokenUsage(prompt_tokens=1)).price_id is None


def test_cached_input_and_cache_writes_have_prices_of_their_own() -> None:
    """Those kept for an hour cost twice the input, others a quarter more."""
    sonnet = ("anthropic", "claude-sonnet-4-5")

    assert per_million(*sonnet, prompt_tokens=1_000) == 3
    assert per_million(*sonnet, prompt_tokens=1_000, cached_tokens=1_000) == Decimal("0.3")
    assert per_million(*sonnet, prompt_tokens=1_000, cache_creation_tokens=1_000) == Decimal("3.75")
    assert per_million(
        *sonnet, prompt_tokens=1_000, cache_creation_tokens=1_000, cache_creation_1h_tokens=1_000
    ) == Decimal("6")
    assert per_million(
        *sonnet,
        prompt_tokens=4_000,
        cached_tokens=1_000,
        cache_creation_tokens=2_000,
        cache_creation_1h_tokens=1_000,
    ) == Decimal("3") + Decimal("0.3") + Decimal("3.75") + Decimal("6")


def test_audio_is_priced_as_audio() -> None:
    heard = {"prompt_tokens": 2_000, "prompt_audio_tokens": 1_000}
    spoken = {"prompt_tokens": 0, "completion_tokens": 2_000, "audio_tokens": 1_000}

    assert per_million("openai", "gpt-audio", **heard) == Decimal("34.5")
    assert per_million("openai", "gpt-audio", **spoken) == Decimal(74)


@pytest.mark.parametrize("audio", ["audio_tokens", "prompt_audio_tokens"])
def test_audio_without_a_price_makes_the_whole_unknown_and_none_of_it_nothing(audio: str) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 100}

    assert dollars("openai", "gpt-4o-audio-preview", **usage, **{audio: 1}) is None
    assert dollars("openai", "gpt-4o-audio-preview", **usage, **{audio: 0}) is not None
    assert dollars("openai", "gpt-4o-audio-preview", **usage, **{audio: None}) is not None


def test_cached_audio_of_which_nobody_says_how_much_is_unknown() -> None:
    usage = {"prompt_tokens": 100, "cached_tokens": 10, "prompt_audio_tokens": 10}

    assert dollars("openai", "gpt-realtime", **usage) is None


def test_long_cache_writes_without_a_price_are_unknown() -> None:
    usage = {"prompt_tokens": 100, "cache_creation_tokens": 50}

    assert dollars("openai", "gpt-6-sol", **usage) is not None
    assert dollars("openai", "gpt-6-sol", **usage, cache_creation_1h_tokens=1) is None


def test_what_has_no_price_of_its_own_costs_what_it_is_part_of() -> None:
    """Reasoning is output; cached input of a model without a discount is input."""
    plain = dollars("openai", "gpt-4.1-mini", prompt_tokens=100, completion_tokens=100)

    assert plain == dollars(
        "openai",
        "gpt-4.1-mini",
        prompt_tokens=100,
        completion_tokens=100,
        reasoning_tokens=90,
        cache_creation_tokens=50,
        accepted_prediction_tokens=3,
        rejected_prediction_tokens=4,
    )
    assert dollars("openai", "gpt-audio", prompt_tokens=100) == dollars(
        "openai", "gpt-audio", prompt_tokens=100, cached_tokens=50
    )


def test_reasoning_that_is_billed_apart_is_priced_apart() -> None:
    model = ("openrouter", "perplexity/sonar-deep-research")

    assert per_million(*model, prompt_tokens=0, completion_tokens=1_000) == 8
    assert per_million(*model, prompt_tokens=0, completion_tokens=1_000, reasoning_tokens=1_000) == 3


@pytest.mark.parametrize(
    ("client", "model", "tier", "input_price"),
    [
        ("openai", "gpt-5.4-mini", None, "0.75"),
        ("openai", "gpt-5.4-mini", "default", "0.75"),
        ("openai", "gpt-5.4-mini", "auto", "0.75"),
        ("openai", "gpt-5.4-mini", "flex", "0.375"),
        ("openai", "gpt-5.4-mini", "priority", "1.5"),
        ("anthropic", "claude-opus-5-5", "standard", "4"),
        ("anthropic", "claude-opus-5-5", "batch", "2"),
        ("anthropic", "claude-opus-5-5", "fast", "8"),
    ],
)
def test_a_tier_has_its_price(client: str, model: str, tier: str | None, input_price: str) -> None:
    found = per_million(client, model, prompt_tokens=1_000, service_tier=tier)

    assert found == Decimal(input_price)


@pytest.mark.parametrize(
    ("client", "model", "tier"),
    [
        ("openai", "gpt-4.1-mini", "flex"),
        ("openai", "gpt-5.4-mini", "scale"),
        ("openai", "gpt-5.4-mini", "something new"),
        ("anthropic", "claude-opus-5-5", "priority"),
        ("anthropic", "claude-haiku-4-5", "fast"),
        ("openrouter", "openai/gpt-5.4-mini", "flex"),
    ],
)
def test_a_tier_without_a_price_is_unknown_and_not_the_list_price(client: str, model: str, tier: str) -> None:
    assert dollars(client, model, prompt_tokens=100) is not None
    assert dollars(client, model, prompt_tokens=100, service_tier=tier) is None


@pytest.mark.parametrize(
    ("client", "model", "usage"),
    [
        ("vllm", "Qwen/Qwen3-32B", {"prompt_tokens": 1}),
        ("litellm", "openai/gpt-4.1-mini", {"prompt_tokens": 1}),
        ("openai", None, {"prompt_tokens": 1}),
        ("openai", "", {"prompt_tokens": 1}),
        ("openai", "my-deployment", {"prompt_tokens": 1}),
        ("openai", "ft:gpt-4.1-mini:acme::x", {"prompt_tokens": 1}),
        ("openai", "gpt-4.1-mini", {}),
        ("openai", "gpt-4.1-mini", {"completion_tokens": 5}),
        ("openai", "gpt-4.1-mini", {"prompt_tokens": 1, "cached_tokens": 9}),
        ("anthropic", "claude-sonnet-4-5", {"prompt_tokens": 9, "cache_creation_1h_tokens": 3}),
        ("openai", "gpt-4o-transcribe", {"prompt_tokens": 10, "prompt_audio_tokens": 20}),
        ("openrouter", "deepseek/deepseek-chat:free", {"prompt_tokens": 1}),
    ],
)
def test_what_nobody_knows_is_unknown_and_never_nothing(
    client: str, model: str | None, usage: dict[str, Any]
) -> None:
    assert dollars(client, model, **usage) is None


def test_the_model_that_was_asked_for_is_priced_and_no_other() -> None:
    """An alias may be another price than the model behind it, which the answer names."""
    assert dollars("openai", "my-alias", prompt_tokens=1) is None
    assert dollars("openai", "gpt-4.1-mini-2025-04-14", prompt_tokens=1) is not None


def test_what_the_provider_says_that_it_cost_is_not_the_list_price() -> None:
    """It is beside it: see `TokenUsage.provider_cost_usd`."""
    usage = {"prompt_tokens": 1_000}

    assert dollars("openai", "gpt-4.1-mini", **usage, provider_cost_usd=Decimal(7)) == Decimal("0.0004")
    assert dollars("vllm", "m", **usage, provider_cost_usd=Decimal(7)) is None


COUNTS = st.integers(0, 40) | st.integers(0, 600_000)


@given(
    st.sampled_from(
        [
            ("openai", "gpt-4.1-mini"),
            ("openai", "gpt-5.4"),
            ("anthropic", "claude-sonnet-4-5"),
            ("openrouter", "google/gemini-2.5-pro"),
        ]
    ),
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
)
def test_every_price_is_the_tables_own_long_prompts_included(
    served: tuple[str, str], counts: tuple[int, int, int, int]
) -> None:
    new, cached, written, completion = counts
    client, model = served
    usage = TokenUsage(
        prompt_tokens=new + cached + written,
        cached_tokens=cached,
        cache_creation_tokens=written,
        completion_tokens=completion,
    )

    table = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=new + cached + written,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_tokens=completion,
        ),
        model,
        provider_id=client,
        genai_request_timestamp=datetime.now(UTC),
    )

    assert price(client, model, usage).usd == table.total_price.quantize(Decimal("1e-9"), ROUND_HALF_UP)
