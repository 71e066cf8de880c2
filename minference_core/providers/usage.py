"""What an answer says that it was billed for: the same counts under each API's names."""

from typing import Any

from minference_core.providers.reading import count, dollars, text_or_none
from minference_core.threads import TokenUsage

__all__ = ["anthropic_usage", "chat_usage", "responses_usage"]


def chat_usage(value: object, service_tier: object = None) -> TokenUsage:
    """
    The `usage` of Chat Completions.

    LiteLLM and some servers behind it put the cache's counts beside the others, under other names.
    """
    return _openai_usage(value, service_tier, "prompt", "completion")


def responses_usage(value: object, service_tier: object = None) -> TokenUsage:
    """The `usage` of the Responses API."""
    return _openai_usage(value, service_tier, "input", "output")


def _openai_usage(value: object, service_tier: object, read: str, written: str) -> TokenUsage:
    if not isinstance(value, dict):
        return TokenUsage()
    prompt, completion = value.get(f"{read}_tokens_details"), value.get(f"{written}_tokens_details")
    cached = count(prompt, "cached_tokens")
    if cached is None:
        cached = count(value, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
    created = count(prompt, "cache_write_tokens", "cache_creation_tokens")
    if created is None:
        created = count(value, "cache_creation_input_tokens")
    return TokenUsage(
        prompt_tokens=count(value, f"{read}_tokens"),
        completion_tokens=count(value, f"{written}_tokens"),
        cached_tokens=cached,
        cache_creation_tokens=created,
        cache_creation_1h_tokens=_kept_longer(prompt),
        reasoning_tokens=count(completion, "reasoning_tokens"),
        accepted_prediction_tokens=count(completion, "accepted_prediction_tokens"),
        rejected_prediction_tokens=count(completion, "rejected_prediction_tokens"),
        audio_tokens=count(completion, "audio_tokens"),
        prompt_audio_tokens=count(prompt, "audio_tokens"),
        service_tier=text_or_none(service_tier) or None,
        provider_cost_usd=dollars(value.get("cost")),
    )


def _kept_longer(details: object) -> int | None:
    """OpenAI's own beyond half an hour, Anthropic's beyond five minutes as LiteLLM passes them on."""
    if not isinstance(details, dict):
        return None
    kept = count(details.get("cache_write_tokens_details"), "ttl_12h_tokens")
    return kept if kept is not None else _an_hour(details.get("cache_creation_token_details"))


def _an_hour(details: object) -> int | None:
    return count(details, "ephemeral_1h_input_tokens")


def anthropic_usage(value: object) -> TokenUsage:
    """Anthropic counts cached and newly cached input beside `input_tokens`; ours is the sum of all."""
    if not isinstance(value, dict):
        return TokenUsage()
    read = count(value, "input_tokens")
    cached = count(value, "cache_read_input_tokens")
    created = _created(value)
    return TokenUsage(
        prompt_tokens=None if read is None else read + (cached or 0) + (created or 0),
        completion_tokens=count(value, "output_tokens"),
        cached_tokens=cached,
        cache_creation_tokens=created,
        cache_creation_1h_tokens=_an_hour(value.get("cache_creation")),
        reasoning_tokens=count(value.get("output_tokens_details"), "thinking_tokens"),
        service_tier=_anthropic_tier(value),
    )


def _created(value: dict[str, Any]) -> int | None:
    created = count(value, "cache_creation_input_tokens")
    if created is not None:
        return created
    parts = value.get("cache_creation")
    counts = [count(parts, f"ephemeral_{kept}_input_tokens") for kept in ("5m", "1h")]
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def _anthropic_tier(value: dict[str, Any]) -> str | None:
    """The faster inference has its own price, as a tier has."""
    return "fast" if value.get("speed") == "fast" else text_or_none(value.get("service_tier")) or None
