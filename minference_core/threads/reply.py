"""What a provider answered, in our words: the neutral form every adapter decodes to."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["FinishReason", "Reply", "Usage"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    Tokens one answer was billed for; None where the provider does not say.

    `prompt_tokens` is everything read, cached parts included, whichever way the provider counts.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def total_tokens(self) -> int | None:
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One decoded answer. `finish` is ours, `finish_reason` the provider's own word."""

    text: str
    finish: FinishReason
    finish_reason: str | None = None
    reasoning: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
