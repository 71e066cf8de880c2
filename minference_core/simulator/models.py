"""
Which model takes what: a table of name prefixes, the longest that fits decides.

Sources: OpenAI's and Anthropic's SDK types and error messages of November 2026. The row with the bare prefix
is for names newer than this table: the newest family's rules. A name no row fits is a 404.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

__all__ = ["ClaudeModel", "OpenAIModel", "claude_model", "is_made_up", "openai_model"]

_Rules = TypeVar("_Rules")

_ALL_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIModel:
    """What Chat Completions takes for one family of OpenAI's models."""

    context: int = 400_000
    max_output: int = 128_000
    takes_max_tokens: bool = False  # else only `max_completion_tokens`
    sampling: Literal["any", "default", "without_reasoning"] = "without_reasoning"
    takes_stop: bool = False
    efforts: tuple[str, ...] = ()  # empty: it does not reason
    default_effort: str = "none"
    json_schema: bool = True
    tools_with_effort: bool = True  # from 5.4 on, function tools need reasoning_effort "none" here


_O_SERIES = OpenAIModel(
    context=200_000,
    max_output=100_000,
    sampling="default",
    efforts=("low", "medium", "high"),
    default_effort="medium",
)
_NEWEST = OpenAIModel(
    context=1_050_000, efforts=_ALL_EFFORTS, default_effort="medium", tools_with_effort=False
)
_CHAT_ONLY = OpenAIModel(context=128_000, max_output=16_384, sampling="any", takes_stop=True)

_OPENAI: dict[str, OpenAIModel] = {
    "gpt-3.5": OpenAIModel(
        context=16_385,
        max_output=4_096,
        takes_max_tokens=True,
        sampling="any",
        takes_stop=True,
        json_schema=False,
    ),
    "gpt-4": OpenAIModel(
        context=8_192,
        max_output=8_192,
        takes_max_tokens=True,
        sampling="any",
        takes_stop=True,
        json_schema=False,
    ),
    "gpt-4-": OpenAIModel(
        context=128_000,
        max_output=4_096,
        takes_max_tokens=True,
        sampling="any",
        takes_stop=True,
        json_schema=False,
    ),
    "gpt-4o": OpenAIModel(
        context=128_000, max_output=16_384, takes_max_tokens=True, sampling="any", takes_stop=True
    ),
    "chatgpt-4o": OpenAIModel(
        context=128_000, max_output=16_384, takes_max_tokens=True, sampling="any", takes_stop=True
    ),
    "gpt-4.1": OpenAIModel(
        context=1_047_576, max_output=32_768, takes_max_tokens=True, sampling="any", takes_stop=True
    ),
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o4": _O_SERIES,
    "codex-": _O_SERIES,
    "gpt-5": OpenAIModel(
        sampling="default", efforts=("minimal", "low", "medium", "high"), default_effort="medium"
    ),
    "gpt-5-chat": _CHAT_ONLY,
    "gpt-5.1": OpenAIModel(efforts=("none", "low", "medium", "high")),
    "gpt-5.1-chat": _CHAT_ONLY,
    "gpt-5.2": OpenAIModel(efforts=("none", "low", "medium", "high", "xhigh")),
    "gpt-5.2-chat": _CHAT_ONLY,
    "gpt-5.3-chat": _CHAT_ONLY,
    "gpt-5.4": OpenAIModel(
        context=1_050_000, efforts=("none", "low", "medium", "high", "xhigh"), tools_with_effort=False
    ),
    "gpt-5.5": _NEWEST,
    "gpt-5.6": _NEWEST,
    "gpt-6": _NEWEST,
    "gpt-": _NEWEST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeModel:
    """What the Messages API takes for one family of Claude models."""

    context: int = 1_000_000
    max_output: int = 128_000
    temperature: bool = False
    one_of_temperature_and_top_p: bool = True
    prefill: bool = False
    structured: bool = True
    effort: bool = True
    adaptive: bool = True  # thinking: {"type": "adaptive"}
    budget: bool = False  # thinking: {"type": "enabled", "budget_tokens": n}
    thinks_unasked: bool = False
    thinking_off: tuple[str, ...] = ("disabled",)  # how it can be told not to think
    forced_tools: bool = True


_CLAUDE_3 = ClaudeModel(
    context=200_000,
    max_output=8_192,
    temperature=True,
    one_of_temperature_and_top_p=False,
    prefill=True,
    structured=False,
    effort=False,
    adaptive=False,
)
_CLAUDE_4 = ClaudeModel(
    context=200_000,
    max_output=64_000,
    temperature=True,
    one_of_temperature_and_top_p=False,
    prefill=True,
    structured=False,
    effort=False,
    adaptive=False,
    budget=True,
)
_CLAUDE_4_5 = ClaudeModel(
    context=200_000,
    max_output=64_000,
    temperature=True,
    prefill=True,
    effort=False,
    adaptive=False,
    budget=True,
)
_CLAUDE_4_6 = ClaudeModel(temperature=True, budget=True)
_CLAUDE_5 = ClaudeModel(thinks_unasked=True)
_CLAUDE_5_5 = ClaudeModel(thinks_unasked=True, thinking_off=(), forced_tools=False)

_CLAUDE: dict[str, ClaudeModel] = {
    "claude-": _CLAUDE_5_5,
    "claude-2": _CLAUDE_3,
    "claude-instant": _CLAUDE_3,
    "claude-3": _CLAUDE_3,
    "claude-3-7": _CLAUDE_4,
    "claude-sonnet-4": _CLAUDE_4,
    "claude-opus-4": _CLAUDE_4,
    "claude-opus-4-1": _CLAUDE_4_5,
    "claude-opus-4-5": _CLAUDE_4_5,
    "claude-sonnet-4-5": _CLAUDE_4_5,
    "claude-haiku-4-5": _CLAUDE_4_5,
    "claude-opus-4-6": _CLAUDE_4_6,
    "claude-sonnet-4-6": _CLAUDE_4_6,
    "claude-opus-4-7": ClaudeModel(),
    "claude-opus-4-8": ClaudeModel(),
    "claude-opus-5": _CLAUDE_5,
    "claude-opus-5-5": _CLAUDE_5_5,
    "claude-sonnet-5": _CLAUDE_5,
    "claude-sonnet-5-5": ClaudeModel(
        thinks_unasked=True, thinking_off=("between_tools",), forced_tools=False
    ),
    "claude-haiku-5": _CLAUDE_5,
}

# Servers that run any open model know no list of names; these parts of a name make it one nobody serves.
_MADE_UP = ("no-such", "does-not-exist", "nonexistent", "not-a-model", "unknown-model")


@lru_cache(maxsize=256)
def openai_model(name: str) -> OpenAIModel | None:
    """The rules for a model of OpenAI's; None for a name it does not know."""
    base = name.removeprefix("ft:")
    return None if is_made_up(name) else _longest_prefix(_OPENAI, base)


@lru_cache(maxsize=256)
def claude_model(name: str) -> ClaudeModel | None:
    return None if is_made_up(name) else _longest_prefix(_CLAUDE, name)


def is_made_up(name: str) -> bool:
    return not name or any(part in name.lower() for part in _MADE_UP)


def _longest_prefix(table: dict[str, _Rules], name: str) -> _Rules | None:
    fitting = [prefix for prefix in table if name.startswith(prefix)]
    return table[max(fitting, key=len)] if fitting else None
