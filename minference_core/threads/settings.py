"""
What a config asks for, held against what its client and model take: the rules that need no thread.

They take a config's fields by name, so that a config and a spec's row are judged alike. A rule that needs
the conversation, too, is in `providers/asked.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minference_core.errors import Unsupported
from minference_core.threads.capabilities import Capabilities
from minference_core.threads.families import capabilities

__all__ = [
    "DEFAULT_MAX_TOKENS",
    "DEFAULT_TEMPERATURE",
    "Fields",
    "check_responses",
    "check_served",
    "check_settings",
    "effort_asked",
    "must_be_responses",
    "sampling_asked",
    "takes",
    "thinks",
]

Fields = Mapping[str, Any]

SERVED = ("openai", "anthropic", "vllm", "litellm", "openrouter")
DEFAULT_TEMPERATURE = 0.0
DEFAULT_MAX_TOKENS = 400

_WHOSE = {  # the clients that know a field
    "api": ("openai",),
    "verbosity": ("openai",),
    "prompt_cache_key": ("openai",),
    "service_tier": ("openai", "anthropic"),
    "api_version": ("anthropic",),
    "reasoning_max_tokens": ("anthropic", "openrouter"),
    "structured_outputs": ("vllm",),
    "chat_template_kwargs": ("vllm",),
    "provider_routing": ("openrouter",),
}
_SERVICE_TIERS = {
    "openai": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "anthropic": ("auto", "standard_only"),
}
_SAMPLING = ("temperature", "top_p")
_PENALTIES = ("frequency_penalty", "presence_penalty")
_NOT_IN_RESPONSES = ("seed", "stop", *_PENALTIES)
_LEAST_OUTPUT = 16  # of the Responses API
_LEAST_BUDGET = 1024
_CONSTRAINTS = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")
_BOUND_OTHERWISE = ("structured_output", "json_object", "tool", "workflow")


def check_settings(fields: Fields) -> None:
    """
    Args:
        fields: Those of an `LLMConfig`, all of them; what needs the model is left out where there is none.

    Raises:
        Unsupported: The client or the model does not take a setting; says which, and what to do.
    """
    check_served(fields)
    _check_client(fields)
    taken = takes(fields)
    if fields["model"] is None:
        return
    _check_api(fields, taken)
    _check_format(fields, taken)
    _check_effort(fields, taken)
    _check_budget(fields, taken)
    _check_sampling(fields, taken)
    _check_taken(fields, taken)
    if must_be_responses(fields, taken):
        check_responses(fields, taken)


# ── what is asked for, where it is taken ──────────────────────────────────────


def takes(fields: Fields) -> Capabilities:
    """What the model takes; one that is asked as a reasoner is one, whatever its name says."""
    taken = capabilities(fields["client"], fields["model"], fields["capabilities"])
    if not fields["reasoner"]:
        return taken
    return replace(
        taken,
        developer_role=True,
        sampling="without_reasoning" if "none" in taken.efforts else "never",
        penalties=False,
        stop=False,
        efforts=taken.efforts or ("low", "medium", "high"),
        reasons_unasked=True,
    )


def effort_asked(fields: Fields) -> str | None:
    """How hard the model is to think; None says nothing of it."""
    return fields["reasoning_effort"] or ("medium" if fields["reasoner"] else None)


def thinks(fields: Fields, taken: Capabilities) -> bool:
    """Whether the model may think before it replies."""
    effort = effort_asked(fields)
    if fields["reasoning_max_tokens"] is not None:
        return True
    return taken.reasons_unasked if effort is None else effort != "none"


def sampling_asked(fields: Fields, taken: Capabilities) -> dict[str, float]:
    """
    Temperature and top_p as they are sent.

    The default temperature cannot be told from a wish, so where a wish for it cannot be granted it is none.
    """
    asked = {name: fields[name] for name in _SAMPLING if fields[name] is not None}
    only_one = "top_p" in asked and not taken.temperature_with_top_p
    if (only_one or not _takes_sampling(fields, taken)) and asked.get("temperature") == DEFAULT_TEMPERATURE:
        del asked["temperature"]
    return asked


def _takes_sampling(fields: Fields, taken: Capabilities) -> bool:
    if fields["client"] == "anthropic" and fields["api_version"] == "2026-10-21":
        return False
    if taken.sampling == "without_reasoning":
        return not thinks(fields, taken)
    return taken.sampling == "always"


# ── the client ────────────────────────────────────────────────────────────────


def check_served(fields: Fields) -> None:
    """
    Raises:
        Unsupported: The client is not served, or is asked for what it never has.
    """
    client = str(fields["client"])
    if client not in SERVED:
        remedy = "use openai with OPENAI_BASE_URL" if client == "azure_openai" else f"use {_listed(SERVED)}"
        raise Unsupported("client", f"{client} is not served", remedy)
    if client == "anthropic" and fields["response_format"] == "json_object":
        raise Unsupported("response_format", "anthropic has no json_object", "use structured_output")
    if fields["reasoner"] and client != "openai":
        raise Unsupported("reasoner", f"it is OpenAI's, not {client}'s", "set reasoning_effort alone")


def _check_client(fields: Fields) -> None:
    client = str(fields["client"])
    for name, clients in _WHOSE.items():
        if fields[name] and client not in clients:
            problem = f"{client} has none, only {' and '.join(clients)}"
            raise Unsupported(name, problem, "leave it null")
    tier = fields["service_tier"]
    if tier is not None and tier not in _SERVICE_TIERS[client]:
        raise Unsupported("service_tier", f"{client} has no {tier}", f"use {_listed(_SERVICE_TIERS[client])}")
    temperature = fields["temperature"]
    if client == "anthropic" and temperature is not None and temperature > 1:
        raise Unsupported("temperature", f"{temperature} is above Anthropic's 1", "use 0 to 1")
    if fields["structured_outputs"] is not None:
        _check_constraint(fields)
    if client == "openrouter" and fields["reasoning_max_tokens"] and fields["reasoning_effort"]:
        raise Unsupported("reasoning_max_tokens", "it is taken in place of reasoning_effort", "set one")


def _check_constraint(fields: Fields) -> None:
    given = [kind for kind in _CONSTRAINTS if fields["structured_outputs"].get(kind) is not None]
    if len(given) != 1:
        problem = f"it has {_listed(given) if given else 'nothing to bind the reply with'}"
        raise Unsupported("structured_outputs", problem, f"set one of {_listed(_CONSTRAINTS)}")
    if (form := str(fields["response_format"])) in _BOUND_OTHERWISE:
        raise Unsupported("structured_outputs", f"response_format {form} binds the reply, too", "use text")


# ── the model ─────────────────────────────────────────────────────────────────


def _check_api(fields: Fields, taken: Capabilities) -> None:
    asked = fields["api"]
    if asked is not None and asked not in taken.apis:
        others = _listed(taken.apis)
        raise Unsupported("api", f"{fields['model']} is not served there", f"use {others}, or leave it null")


def _check_format(fields: Fields, taken: Capabilities) -> None:
    if fields["response_format"] == "structured_output" and not taken.structured_output:
        problem = f"{fields['model']} has no structured_output"
        raise Unsupported("response_format", problem, "use tool, or a newer model")


def _check_effort(fields: Fields, taken: Capabilities) -> None:
    effort = effort_asked(fields)
    if effort is None or effort in taken.efforts:
        return
    problem = f"{_model(fields)} does not take {effort}"
    if "budget" in taken.thinking:
        raise Unsupported("reasoning_effort", problem, "leave it null and set reasoning_max_tokens")
    remedy = f"use {_listed(taken.efforts)}" if taken.efforts else "leave it null"
    raise Unsupported("reasoning_effort", problem, remedy)


def _check_budget(fields: Fields, taken: Capabilities) -> None:
    """How many tokens Claude is to think with at most."""
    budget = fields["reasoning_max_tokens"]
    if budget is None:
        return
    if fields["client"] != "anthropic":
        _check_leaves_a_reply(budget, fields)
        return
    if "budget" not in taken.thinking:
        instead = "use reasoning_effort" if "adaptive" in taken.thinking else "leave it null"
        raise Unsupported("reasoning_max_tokens", f"{_model(fields)} does not take it", instead)
    if budget < _LEAST_BUDGET:
        problem = f"{budget} is below Anthropic's {_LEAST_BUDGET}"
        raise Unsupported("reasoning_max_tokens", problem, f"use {_LEAST_BUDGET} or more, or leave it null")
    _check_leaves_a_reply(budget, fields)
    if fields["reasoning_effort"] == "none":
        raise Unsupported("reasoning_max_tokens", "reasoning_effort is none", "leave one of them null")


def _check_leaves_a_reply(budget: int, fields: Fields) -> None:
    if budget >= fields["max_tokens"]:
        problem = f"{budget} leaves nothing of max_tokens={fields['max_tokens']} for the reply"
        raise Unsupported("reasoning_max_tokens", problem, "raise max_tokens above it")


def _check_sampling(fields: Fields, taken: Capabilities) -> None:
    asked = sampling_asked(fields, taken)
    if asked and not _takes_sampling(fields, taken):
        raise Unsupported(next(iter(asked)), *_why_no_sampling(fields, taken))
    if asked.keys() == set(_SAMPLING) and not taken.temperature_with_top_p:
        raise Unsupported("top_p", f"{_model(fields)} takes it or temperature, not both", "leave one null")


def _why_no_sampling(fields: Fields, taken: Capabilities) -> tuple[str, str]:
    problem = f"{_model(fields)} does not take it"
    if taken.sampling == "never" or "none" not in taken.efforts:
        return problem, "leave it null"
    if fields["api_version"] == "2026-10-21":
        return "api_version 2026-10-21 has none", "leave it null, or use api_version 2023-06-01"
    if fields["client"] == "anthropic":
        other = "reasoning_max_tokens" if fields["reasoning_max_tokens"] else "reasoning_effort"
        return f"{problem} while it thinks", f"leave it or {other} null"
    return f"{problem} while it reasons", "leave it null, or set reasoning_effort: none"


def _check_taken(fields: Fields, taken: Capabilities) -> None:
    for names, is_taken in (
        (_PENALTIES, taken.penalties),
        (("stop",), taken.stop),
        (("seed",), taken.seed),
        (("verbosity",), taken.verbosity),
    ):
        for name in names:
            if fields[name] is not None and not is_taken:
                raise Unsupported(name, f"{_model(fields)} does not take it", "leave it null")


# ── OpenAI's Responses API ────────────────────────────────────────────────────


def must_be_responses(fields: Fields, taken: Capabilities) -> bool:
    """Whether the Responses API is asked, whatever the conversation is."""
    return fields["api"] == "responses" or (fields["api"] is None and "chat" not in taken.apis)


def check_responses(fields: Fields, taken: Capabilities) -> None:
    """
    Raises:
        Unsupported: A setting that only Chat Completions has.
    """
    or_chat = ", or set api: chat" if "chat" in taken.apis else ""
    for name in _NOT_IN_RESPONSES:
        if fields[name] is not None:
            problem = f"the Responses API, in which {fields['model']} is asked, has none"
            raise Unsupported(name, problem, f"leave it null{or_chat}")
    if fields["max_tokens"] < _LEAST_OUTPUT:
        problem = f"{fields['max_tokens']} is below the {_LEAST_OUTPUT} of the Responses API"
        raise Unsupported("max_tokens", problem, f"use {_LEAST_OUTPUT} or more{or_chat}")


def _model(fields: Fields) -> str:
    return f"{fields['model']} on {fields['client']}"


def _listed(names: object) -> str:
    """`a, b or c`"""
    *others, last = map(str, names)  # type: ignore[call-overload]
    return f"{', '.join(others)} or {last}" if others else str(last)
