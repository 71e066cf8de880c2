"""
What each server adds to a Chat Completions answer: its own fields, costs and headers.

The prices are made up; all that matters of them is that they are there, and are positive.
"""

from collections.abc import Mapping
from hashlib import blake2b
from random import Random

from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.wire import Ask, JsonObject

__all__ = ["add_extras", "add_reasoning", "extra_headers"]

_PROMPT_PRICE = 1e-6  # USD a token
_COMPLETION_PRICE = 1e-6
_THOUGHT = "Let me work out what is being asked, and then answer it."


def add_extras(body: JsonObject, dialect: Dialect, ask: Ask, rng: Random) -> None:
    """The fields beside `choices` that are not in OpenAI's documentation, or not always."""
    match dialect.name:
        case "openai":
            body["service_tier"] = "default"
            body["system_fingerprint"] = None
        case "vllm":
            body |= {"service_tier": None, "system_fingerprint": None, "prompt_logprobs": None}
        case "openrouter":
            body["provider"] = "Simulator"
            body["usage"] |= _openrouter_cost(body["usage"], detailed=ask.detailed_cost)
        case _:
            body["system_fingerprint"] = f"fp_{rng.getrandbits(40):010x}"


def extra_headers(body: JsonObject, dialect: Dialect) -> Mapping[str, str]:
    """LiteLLM says in headers what an answer cost, and which of its deployments gave it."""
    if dialect.name != "litellm":
        return {}
    cost = f"{sum(_costs(body['usage'])):.10f}".rstrip("0")
    model_id = blake2b(body["model"].encode("utf-8", "replace"), digest_size=32).hexdigest()
    return {"x-litellm-response-cost": cost, "x-litellm-model-id": model_id}


def add_reasoning(message: JsonObject, dialect: Dialect) -> None:
    """The text of what was thought, where this server puts it."""
    if dialect.reasoning_field is None:
        return
    message[dialect.reasoning_field] = _THOUGHT
    if dialect.name == "openrouter":
        detail = {"type": "reasoning.text", "text": _THOUGHT, "format": "unknown", "index": 0}
        message["reasoning_details"] = [detail]


def _costs(usage: JsonObject) -> tuple[float, float]:
    return usage["prompt_tokens"] * _PROMPT_PRICE, usage["completion_tokens"] * _COMPLETION_PRICE


def _openrouter_cost(usage: JsonObject, *, detailed: bool) -> JsonObject:
    prompt, completion = _costs(usage)
    cost = {"cost": round(1e-6 * usage["total_tokens"], 9)}
    if not detailed:
        return cost
    details = {
        "upstream_inference_cost": None,  # only who brings a key of their own has one
        "upstream_inference_prompt_cost": round(prompt, 9),
        "upstream_inference_completions_cost": round(completion, 9),
    }
    return {**cost, "is_byok": False, "cost_details": details}
