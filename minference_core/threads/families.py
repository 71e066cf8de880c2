"""
Which model takes what: data, by prefix of the model's name.

A model nobody has listed gets the newest family's rules, the strictest: better a field left out or
refused here than a 400 from a provider. Sources: the `openai` 3.54 and `anthropic` 2.12 SDKs' type
files and the providers' model pages as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from minference_core.threads.capabilities import ALL_EFFORTS, Capabilities, ReasoningEffort, overridden

__all__ = ["capabilities"]

_Efforts = tuple[ReasoningEffort, ...]

# ── OpenAI ────────────────────────────────────────────────────────────────────

_LOW_TO_HIGH: _Efforts = ("low", "medium", "high")
_FROM_5_1: _Efforts = ("none", *_LOW_TO_HIGH)
_FROM_5_2: _Efforts = (*_FROM_5_1, "xhigh")
_NEWEST: _Efforts = (*_FROM_5_2, "max")

_GPT_4O = Capabilities(apis=("chat", "responses"), max_completion_tokens=True)
_GPT_4 = replace(_GPT_4O, structured_output=False)
_AUDIO = replace(_GPT_4O, apis=("chat",), structured_output=False)
_O_SERIES = replace(
    _GPT_4O,
    developer_role=True,
    sampling="never",
    penalties=False,
    stop=False,
    efforts=_LOW_TO_HIGH,
    reasons_unasked=True,
)
_GPT_5 = replace(_O_SERIES, efforts=("minimal", *_LOW_TO_HIGH), verbosity=True)
_GPT_5_1 = replace(_GPT_5, efforts=_FROM_5_1, sampling="without_reasoning")
_GPT_5_2 = replace(_GPT_5_1, efforts=_FROM_5_2)
_GPT_5_4 = replace(_GPT_5_2, tools_with_effort=False)
_GPT_NEWEST = replace(_GPT_5_4, efforts=_NEWEST)

_OPENAI = {
    "": _GPT_NEWEST,
    "gpt-3.5": _GPT_4,
    "gpt-4": _GPT_4,
    "gpt-4o": _GPT_4O,
    "gpt-4o-2024-05-13": _GPT_4,
    "gpt-4o-audio": _AUDIO,
    "gpt-4o-mini-audio": _AUDIO,
    "gpt-audio": _AUDIO,
    "gpt-4.": _GPT_4O,
    "chatgpt-4o": _GPT_4O,
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o4": _O_SERIES,
    "codex-mini": _O_SERIES,
    "computer-use": _O_SERIES,
    "gpt-5": _GPT_5,
    "gpt-5-chat": _GPT_4O,
    "gpt-5-pro": replace(_GPT_5, efforts=("high",)),
    "gpt-5.": _GPT_NEWEST,
    "gpt-5.1": _GPT_5_1,
    "gpt-5.1-chat": _GPT_4O,
    "gpt-5.1-codex-max": replace(_GPT_5_1, efforts=_FROM_5_2),
    "gpt-5.2": _GPT_5_2,
    "gpt-5.2-chat": _GPT_4O,
    "gpt-5.2-pro": replace(_GPT_5_2, efforts=("medium", "high", "xhigh")),
    "gpt-5.3": _GPT_5_2,
    "gpt-5.3-chat": _GPT_4O,
    "gpt-5.4": _GPT_5_4,
    "gpt-5.4-pro": replace(_GPT_5_4, efforts=("medium", "high", "xhigh")),
    "gpt-5.5-pro": replace(_GPT_5_4, efforts=("medium", "high", "xhigh")),
}
# A word of a name that says that the model is not in Chat Completions; those that the SDK lists as
# `ResponsesModel` and not as `ChatModel`, and the codex and pro models that the model pages list so.
_RESPONSES_ONLY = frozenset({"pro", "codex", "computer", "research", "cyber", "rosalind", "daybreak", "law"})

# ── Anthropic ─────────────────────────────────────────────────────────────────

_BY_EFFORT: _Efforts = ("none", "low", "medium", "high", "xhigh", "max")

_CLAUDE_3 = Capabilities(
    sampling="without_reasoning",
    penalties=False,
    seed=False,
    efforts=("none",),
    structured_output=False,
    prefill=True,
)
_CLAUDE_4 = replace(_CLAUDE_3, thinking=("budget",))
_CLAUDE_4_5 = replace(_CLAUDE_4, structured_output=True, temperature_with_top_p=False)
_CLAUDE_4_6 = replace(_CLAUDE_4_5, prefill=False, efforts=_BY_EFFORT, thinking=("adaptive", "budget"))
_CLAUDE_4_7 = replace(_CLAUDE_4_6, sampling="never", thinking=("adaptive",))
_CLAUDE_5 = replace(_CLAUDE_4_7, reasons_unasked=True, thinking_off="disabled")
# From Opus 5.5 on, "thinking can't be disabled" and "forced tool use returns an error"; Sonnet can be told
# to think only between the calls of tools.
_CLAUDE_NEWEST = replace(_CLAUDE_5, efforts=_BY_EFFORT[1:], thinking_off=None, forced_calls=False)
_SONNET_5_5 = replace(_CLAUDE_NEWEST, efforts=_BY_EFFORT, thinking_off="between_tools")

_ANTHROPIC = {
    "": _CLAUDE_NEWEST,
    "claude-2": _CLAUDE_3,
    "claude-instant": _CLAUDE_3,
    "claude-3": _CLAUDE_3,
    "claude-3-7": _CLAUDE_4,
    "claude-sonnet-4-0": _CLAUDE_4,
    "claude-sonnet-4-2025": _CLAUDE_4,
    "claude-opus-4-0": _CLAUDE_4,
    "claude-opus-4-2025": _CLAUDE_4,
    "claude-opus-4-1": _CLAUDE_4_5,
    "claude-opus-4-5": _CLAUDE_4_5,
    "claude-opus-4-6": _CLAUDE_4_6,
    "claude-opus-4-7": _CLAUDE_4_7,
    "claude-opus-4-8": _CLAUDE_4_7,
    "claude-sonnet-4-5": _CLAUDE_4_5,
    "claude-sonnet-4-6": _CLAUDE_4_6,
    "claude-haiku-4-5": _CLAUDE_4_5,
    "claude-opus-5": _CLAUDE_5,
    "claude-opus-5-5": _CLAUDE_NEWEST,
    "claude-sonnet-5": _CLAUDE_5,
    "claude-sonnet-5-5": _SONNET_5_5,
    "claude-haiku-5": _CLAUDE_5,
}

# ── servers that pass on what the model behind them takes ─────────────────────

_OPEN_SERVER = Capabilities(efforts=ALL_EFFORTS)

# The longest matching prefix wins; "" is the model nobody has listed.
_BY_PREFIX: Mapping[str, Mapping[str, Capabilities]] = {
    "openai": _OPENAI,
    "anthropic": _ANTHROPIC,
    "vllm": {"": replace(_OPEN_SERVER, prefill=True)},
    "litellm": {"": replace(_OPEN_SERVER, prefill=True)},
    "openrouter": {"": _OPEN_SERVER},
}


def capabilities(
    client: str, model: str | None, corrections: Mapping[str, Any] | None = None
) -> Capabilities:
    """
    What `model` takes when `client` serves it.

    Args:
        corrections: Fields of `Capabilities` that a config knows better.

    Raises:
        Unsupported: `corrections` are none.
    """
    known = _known(str(client), model or "")
    return overridden(known, corrections) if corrections else known


@lru_cache(maxsize=1024)
def _known(client: str, model: str) -> Capabilities:
    families = _BY_PREFIX[client]
    base = model.removeprefix("ft:").partition(":")[0]  # of a fine-tuned one, what it was tuned from
    found = families[max((prefix for prefix in families if base.startswith(prefix)), key=len)]
    if client == "openai" and not _RESPONSES_ONLY.isdisjoint(base.split("-")):
        return replace(found, apis=("responses",))
    return found
