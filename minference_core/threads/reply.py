"""What a provider answered, in our words: the neutral form every adapter decodes to."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

__all__ = ["FinishReason", "Reply", "TokenUsage", "ToolCall"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """
    Tokens one answer was billed for; None where the provider does not say.

    Attributes:
        prompt_tokens: Everything read, cached parts included, whichever way the provider counts.
        cache_creation_1h_tokens: Of `cache_creation_tokens`, those to be kept for long, which cost more: an
            hour at Anthropic, twelve at OpenAI.
        audio_tokens: Of the completion.
        prompt_audio_tokens: Of the prompt.
        service_tier: Which of its tiers the provider served it in; Anthropic's faster inference is `fast`.
        provider_cost_usd: What the provider itself says that it cost.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    prompt_audio_tokens: int | None = None
    cache_creation_1h_tokens: int | None = None
    service_tier: str | None = None
    provider_cost_usd: Decimal | None = None

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
    """
    One decoded answer.

    Attributes:
        finish: Why it ended, in our words.
        finish_reason: The same in the provider's own word.
        carried: Blocks or items of the answer that have to go back unchanged when its calls are answered:
            all of them, in their order, if it has both calls and reasoning of that kind; else none.
    """

    text: str
    finish: FinishReason
    finish_reason: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    carried: tuple[dict[str, Any], ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str | None = None
