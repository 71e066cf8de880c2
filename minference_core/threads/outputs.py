"""What comes out of a reply beside its words: the object that the model made, and what it was billed for."""

from typing import Any, ClassVar

from pydantic import JsonValue

from minference_core.entities import Entity
from minference_core.threads.messages import Usage
from minference_core.threads.reply import Reply, TokenUsage

__all__ = ["GeneratedJsonObject", "usage_of"]


class GeneratedJsonObject(Entity):
    """An object that the model made: a call's arguments, or a reply that was to be JSON."""

    entity_kind: ClassVar[str] = "GeneratedJsonObject"

    name: str
    object: dict[str, JsonValue]
    tool_call_id: str | None = None


def usage_of(reply: Reply, **bookkeeping: Any) -> Usage | None:
    """What a reply was billed for, as an entity; None where the provider does not say."""
    used = reply.usage
    if used == TokenUsage():
        return None
    return Usage.cold(
        **bookkeeping,
        model=reply.model or "",
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        total_tokens=used.total_tokens,
        cache_creation_input_tokens=used.cache_creation_tokens,
        cache_read_input_tokens=used.cached_tokens,
        cached_tokens=used.cached_tokens,
        accepted_prediction_tokens=used.accepted_prediction_tokens,
        rejected_prediction_tokens=used.rejected_prediction_tokens,
        audio_tokens=used.audio_tokens,
        prompt_audio_tokens=used.prompt_audio_tokens,
        reasoning_tokens=used.reasoning_tokens,
        service_tier=used.service_tier,
        provider_cost_usd=None if used.provider_cost_usd is None else float(used.provider_cost_usd),
    )
