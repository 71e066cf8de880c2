"""What each provider says that an answer was billed for, under our names."""

from decimal import Decimal
from typing import Any

import pytest

from minference_core.providers import provider_for
from minference_core.providers.openai_responses_reply import read_reply
from minference_core.providers.reading import cost_from_header
from minference_core.threads import Reply, TokenUsage, usage_of
from tests.core.hostile_bodies import CHAT_USAGE, CLAUDE_USAGE, RESPONSE_USAGE, chat, claude, response, said


def in_chat(usage: Any, client: str = "openai", **top: Any) -> TokenUsage:
    return provider_for(client).decode(chat(said("Hi."), usage=usage, **top)).usage


def by_claude(usage: Any) -> TokenUsage:
    return provider_for("anthropic").decode(claude(usage=usage)).usage


def test_i2_every_count_of_chat_completions_is_read() -> None:
    assert in_chat(CHAT_USAGE, service_tier="flex") == TokenUsage(
        prompt_tokens=100,
        completion_tokens=50,
        cached_tokens=30,
        cache_creation_tokens=20,
        reasoning_tokens=5,
        accepted_prediction_tokens=6,
        rejected_prediction_tokens=7,
        audio_tokens=8,
        prompt_audio_tokens=10,
        service_tier="flex",
    )


def test_i2_every_count_of_the_responses_api_is_read() -> None:
    usage = {**RESPONSE_USAGE, "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20}}
    usage["input_tokens_details"]["cache_write_tokens_details"] = {"ttl_30m_tokens": 15, "ttl_12h_tokens": 5}

    assert read_reply(response(usage=usage, service_tier="priority")).usage == TokenUsage(
        prompt_tokens=100,
        completion_tokens=50,
        cached_tokens=30,
        cache_creation_tokens=20,
        cache_creation_1h_tokens=5,
        reasoning_tokens=40,
        service_tier="priority",
    )


def test_i3_every_count_of_anthropic_is_read_and_the_prompt_is_all_that_was() -> None:
    """Unlike the original, which left cached tokens out of the prompt and of the sum."""
    usage = by_claude(CLAUDE_USAGE)

    assert usage == TokenUsage(
        prompt_tokens=150,
        completion_tokens=50,
        cached_tokens=30,
        cache_creation_tokens=20,
        cache_creation_1h_tokens=5,
        reasoning_tokens=40,
        service_tier="standard",
    )
    assert usage.total_tokens == 200


def test_i3_cache_writes_are_the_sum_of_their_lifetimes_where_only_those_are_said() -> None:
    parts = {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5}

    usage = by_claude({"input_tokens": 1, "output_tokens": 2, "cache_creation": parts})

    assert (usage.cache_creation_tokens, usage.prompt_tokens) == (20, 21)
    assert by_claude({"input_tokens": 1, "speed": "fast", "service_tier": "standard"}).service_tier == "fast"


def test_i2_counts_that_a_proxy_puts_beside_the_others_are_read() -> None:
    details = {"cached_tokens": None, "cache_creation_token_details": {"ephemeral_1h_input_tokens": 5}}
    litellm = {"prompt_tokens": 150, "completion_tokens": 1, "prompt_tokens_details": details}

    usage = in_chat(
        {**litellm, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 20}, client="litellm"
    )

    assert (usage.cached_tokens, usage.cache_creation_tokens) == (30, 20)
    assert usage.cache_creation_1h_tokens == 5
    assert in_chat({"prompt_tokens": 9, "prompt_cache_hit_tokens": 8}).cached_tokens == 8


@pytest.mark.parametrize("usage", [None, 7, [], "7"])
def test_i2_without_usage_there_is_none(usage: Any) -> None:
    """And not a tier alone."""
    for reply in (
        provider_for("openai").decode(chat(said("Hi."), usage=usage, service_tier="default")),
        provider_for("anthropic").decode(claude(usage=usage)),
        read_reply(response(usage=usage, service_tier="default")),
    ):
        assert usage_of(reply) is None


def test_i1_everything_reaches_the_entity() -> None:
    every = TokenUsage(
        prompt_tokens=1,
        completion_tokens=2,
        cached_tokens=3,
        cache_creation_tokens=4,
        cache_creation_1h_tokens=5,
        reasoning_tokens=6,
        accepted_prediction_tokens=7,
        rejected_prediction_tokens=8,
        audio_tokens=9,
        prompt_audio_tokens=10,
        service_tier="flex",
        provider_cost_usd=Decimal("0.5"),
    )

    usage = usage_of(Reply(text="", finish="stop", model="m", usage=every))

    assert usage is not None
    fields = set(type(usage).model_fields) - set(type(usage).__mro__[1].model_fields)  # type: ignore[attr-defined]
    assert {name: getattr(usage, name) for name in fields} == {
        "model": "m",
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 3,
        "cached_tokens": 3,
        "accepted_prediction_tokens": 7,
        "rejected_prediction_tokens": 8,
        "audio_tokens": 9,
        "reasoning_tokens": 6,
        "prompt_audio_tokens": 10,
        "service_tier": "flex",
        "provider_cost_usd": 0.5,
    }


@pytest.mark.parametrize(
    ("cost", "read"),
    [
        (0.00014, Decimal("0.00014")),
        (0, Decimal(0)),
        (-0.0, Decimal(0)),
        (3, Decimal(3)),
        ("0.25", Decimal("0.25")),
        (1e-12, Decimal(0)),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**4_000, None),
        (1e300, None),
        (True, None),
        (None, None),
        ("a lot", None),
        ([], None),
    ],
)
def test_a_cost_that_the_provider_names_is_an_amount_or_nothing(cost: Any, read: Decimal | None) -> None:
    found = in_chat({**CHAT_USAGE, "cost": cost}, client="openrouter").provider_cost_usd

    assert found == read
    assert found is None or not found.is_signed()
    assert in_chat({**CHAT_USAGE, "cost": 10**9_000}).provider_cost_usd is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0.000125", Decimal("0.000125")),
        ("1.25e-05", Decimal("0.0000125")),
        (" 2 ", Decimal(2)),
        ("0", Decimal(0)),
        ("None", None),
        ("nan", None),
        ("-Infinity", None),
        ("-0.1", None),
        ("1e999999", None),
        ("9" * 5_000, None),
        ("", None),
        (None, None),
    ],
)
def test_litellms_header_is_an_amount_or_nothing(text: str | None, read: Decimal | None) -> None:
    assert cost_from_header(text) == read
