"""What the four servers that speak Chat Completions make of it, as data: one row a server."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DIALECTS", "Dialect", "dialect_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server's reading of the Chat Completions API."""

    name: str
    needs_key: bool = True
    openai_rules: bool = False  # unknown fields, unsupported parameters and models are refused as OpenAI does
    limit_headers: bool = True  # declares its limits on every answer
    errors: Literal["openai", "vllm", "litellm", "openrouter"]
    slash_in_model: bool = False  # a model is named `vendor/model`
    reasoning_field: str | None = None  # where thinking text goes


DIALECTS = {
    "openai": Dialect(name="openai", errors="openai", openai_rules=True),
    "vllm": Dialect(
        name="vllm", errors="vllm", needs_key=False, limit_headers=False, reasoning_field="reasoning"
    ),
    "litellm": Dialect(name="litellm", errors="litellm"),
    "openrouter": Dialect(
        name="openrouter",
        errors="openrouter",
        limit_headers=False,
        slash_in_model=True,
        reasoning_field="reasoning",
    ),
}

# OpenRouter is the one whose own base URL ends in /api/v1.
_SEGMENTS = {**{name: name for name in DIALECTS}, "api": "openrouter"}


def dialect_of(path: str) -> Dialect:
    """The server a path belongs to, by its first segment; OpenAI when that says nothing."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return DIALECTS[_SEGMENTS.get(first, "openai")]
