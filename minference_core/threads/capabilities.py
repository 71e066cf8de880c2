"""
Which model takes what: data, by prefix of the model's name.

A model nobody has listed gets the newest family's rules, the strictest: better a field left out or
refused here than a 400 from a provider. Sources: the `openai` 3.54 and `anthropic` 2.12 SDKs' type
files and the providers' model pages as of November 2026.
"""

from dataclasses import dataclass, replace

__all__ = ["Capabilities", "capabilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one model takes in a request."""

    sampling: bool = True  # temperature and top_p
    temperature_with_top_p: bool = True  # both in one request
    penalties: bool = True
    stop: bool = True
    seed: bool = True
    reasoning_effort: bool = False
    structured_output: bool = True
    tools_with_effort: bool = True  # function tools in a request that also asks for reasoning
    prefill: bool = False  # goes on from a last assistant message


_OPENAI_NEWEST = Capabilities(
    sampling=False, penalties=False, stop=False, reasoning_effort=True, tools_with_effort=False
)
_OPENAI_REASONING = replace(_OPENAI_NEWEST, tools_with_effort=True)
_CLAUDE_4_6 = Capabilities(penalties=False, seed=False, reasoning_effort=True, temperature_with_top_p=False)
_CLAUDE_NEWEST = replace(_CLAUDE_4_6, sampling=False)
_CLAUDE_4_5 = replace(_CLAUDE_4_6, reasoning_effort=False, prefill=True)
_CLAUDE_OLD = replace(_CLAUDE_4_5, structured_output=False, temperature_with_top_p=True)
_OPEN_SERVER = Capabilities(reasoning_effort=True)  # passes on what the model behind it takes

# The longest matching prefix wins; "" is the model nobody has listed.
_BY_PREFIX: dict[str, dict[str, Capabilities]] = {
    "openai": {
        "": _OPENAI_NEWEST,
        "gpt-3.5": Capabilities(structured_output=False),
        "gpt-4": Capabilities(structured_output=False),
        "gpt-4o": Capabilities(),
        "gpt-4.": Capabilities(),
        "chatgpt-4o": Capabilities(),
        "ft:gpt-3.5": Capabilities(structured_output=False),
        "ft:gpt-4": Capabilities(),
        "o1": _OPENAI_REASONING,
        "o3": _OPENAI_REASONING,
        "o4": _OPENAI_REASONING,
        "gpt-5": _OPENAI_REASONING,
        "gpt-5.": _OPENAI_NEWEST,
        "gpt-5.1": _OPENAI_REASONING,
        "gpt-5.2": _OPENAI_REASONING,
        "gpt-5.3": _OPENAI_REASONING,
    },
    "anthropic": {
        "": _CLAUDE_NEWEST,
        "claude-2": _CLAUDE_OLD,
        "claude-3": _CLAUDE_OLD,
        "claude-sonnet-4-": _CLAUDE_OLD,
        "claude-opus-4-": _CLAUDE_OLD,
        "claude-opus-4-1": _CLAUDE_4_5,
        "claude-opus-4-5": replace(_CLAUDE_4_5, reasoning_effort=True),
        "claude-opus-4-6": _CLAUDE_4_6,
        "claude-opus-4-7": _CLAUDE_NEWEST,
        "claude-opus-4-8": _CLAUDE_NEWEST,
        "claude-sonnet-4-5": _CLAUDE_4_5,
        "claude-sonnet-4-6": _CLAUDE_4_6,
        "claude-haiku-4-5": _CLAUDE_4_5,
    },
    "vllm": {"": replace(_OPEN_SERVER, prefill=True)},
    "litellm": {"": replace(_OPEN_SERVER, prefill=True)},
    "openrouter": {"": _OPEN_SERVER},
}


def capabilities(client: str, model: str | None) -> Capabilities:
    """What `model` takes when `client` serves it."""
    families = _BY_PREFIX[client]
    name = model or ""
    return families[max((prefix for prefix in families if name.startswith(prefix)), key=len)]
