"""What a provider's answer says of an account's limits, in its headers."""

from collections.abc import Mapping
from functools import lru_cache

__all__ = ["COUNTS_WHAT_WAS_USED", "LEARNS_FROM_LATENCY", "limits_in"]

# Requests, tokens, input tokens and output tokens a minute: OpenAI's names, which vLLM's and LiteLLM's
# proxies pass on, then Anthropic's.
_NAMES: tuple[tuple[str, ...], ...] = (
    ("x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit"),
    ("x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit"),
    ("anthropic-ratelimit-input-tokens-limit",),
    ("anthropic-ratelimit-output-tokens-limit",),
)
_HEADERS = tuple(name for names in _NAMES for name in names)

# Who counts what an answer really took once it is there. OpenAI counts `max_tokens` for good ("calculated as
# the maximum of max_tokens and the estimated number of tokens", platform.openai.com/docs/guides/rate-limits);
# Anthropic adjusts at the end of a request (platform.claude.com/docs/en/api/rate-limits), as does LiteLLM.
COUNTS_WHAT_WAS_USED = frozenset({"anthropic", "litellm", "vllm"})

# What is written in more of them is a way to say that there is no limit, and no database holds it.
_DIGITS = 15

# Servers that take everything and only get slower.
LEARNS_FROM_LATENCY = frozenset({"vllm"})


def limits_in(headers: Mapping[str, str]) -> tuple[int | None, int | None, int | None, int | None] | None:
    """
    Requests, tokens, input tokens and output tokens per minute; None if the headers say nothing.

    Args:
        headers: By lower-case name.
    """
    return _limits(*map(headers.get, _HEADERS))


@lru_cache(maxsize=64)  # an account's answers all say the same
def _limits(*said: str | None) -> tuple[int | None, int | None, int | None, int | None] | None:
    values = dict(zip(_HEADERS, said, strict=True))
    found = tuple(next(filter(None, (_count(values[name]) for name in names)), None) for names in _NAMES)
    return found if any(found) else None  # type: ignore[return-value]


def _count(said: str | None) -> int | None:
    if said is None or len(said) > _DIGITS or not (said.isascii() and said.isdigit()):
        return None
    return int(said) or None
