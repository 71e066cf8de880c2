"""What a Messages answer is made of: its blocks, why it ended and what it cost."""

from random import Random

from minference_core.simulator.anthropic.caching import Cached
from minference_core.simulator.anthropic.thinking import thinking_block
from minference_core.simulator.generation import Generated
from minference_core.simulator.ids import Ids
from minference_core.simulator.wire import Ask, JsonObject

__all__ = ["REFUSAL", "STOP_REASONS", "blocks", "usage"]

STOP_REASONS = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool": "tool_use",
}
REFUSAL = {
    "type": "refusal",
    "category": "general_harms",
    "explanation": "The request could be related to an area that was determined as harmful.",
}


def blocks(said: Generated, ask: Ask, rng: Random, ids: Ids) -> list[JsonObject]:
    made: list[JsonObject] = []
    if said.thinking_tokens:
        made.append(thinking_block(ask, rng))
    if said.text:
        made.append({"type": "text", "text": said.text, "citations": None})
    made += [
        {"type": "tool_use", "id": ids.make("toolu_01", 22), "name": call.name, "input": call.value}
        for call in said.calls
    ]
    return made


def usage(prompt: int, cached: Cached, made: int, thinking: int) -> JsonObject:
    """Input that was read from a cache or written to one is not in `input_tokens`."""
    written = cached.written_5m + cached.written_1h
    return {
        "input_tokens": prompt - cached.read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": cached.written_5m,
            "ephemeral_1h_input_tokens": cached.written_1h,
        },
        "output_tokens": made,
        "output_tokens_details": {"thinking_tokens": thinking},
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": "not_available",
        "speed": "standard",
    }
