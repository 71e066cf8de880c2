"""What a provider answered, in our words: the neutral form every adapter decodes to."""

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FinishReason", "Reply", "TokenUsage", "ToolCall"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """
    Tokens one answer was billed for; None where the provider does not say.

    `prompt_tokens` is everything read, cached parts included, whichever way the provider counts.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    audio_tokens: int | None = None

    @property
    def total_tokens(self) -> int | None:
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """
    The model asks for a tool to be run.

    Attributes:
        call_id: The provider's, or one of ours where it gives none; the result is sent under it.
        arguments: The object it gave; {"value": …} around anything else that is JSON, {"raw": text}
            around what is not.
        problem: Why the arguments cannot be used; None if they can.
    """

    call_id: str
    name: str
    arguments: dict[str, Any]
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One decoded answer. `finish` is ours, `finish_reason` the provider's own word."""

    text: str
    finish: FinishReason
    finish_reason: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str | None = None
