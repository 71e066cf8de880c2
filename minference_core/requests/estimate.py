"""
What a whole conversation may take, before any of it is sent.

Later turns carry the replies before them, so a conversation's price is more than its first
request's: the low figure has every reply at one token, the high one at its full `max_tokens`.
"""

from dataclasses import dataclass
from decimal import Decimal

from minference_core.requests.prepare import PreparedRequest
from minference_core.requests.price import price
from minference_core.requests.tokens import Counter, estimate_prompt_tokens, max_output_tokens, token_counter
from minference_core.threads import TokenUsage

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    Tokens and dollars of what is still to be sent.

    `prompt_tokens` and `max_output_tokens` are the next request's; everything else is the whole
    conversation's. Dollars are None when the price is unknown.

    Attributes:
        all_prompt_tokens: At least this many are read, when replies are short.
        all_output_tokens: At most this many are written.
        most_tokens: Read and written at most: what a tokens-per-minute limit has to let through.
    """

    prompt_tokens: int
    max_output_tokens: int
    requests: int
    all_prompt_tokens: int
    all_output_tokens: int
    most_tokens: int
    cost_low_usd: Decimal | None
    cost_high_usd: Decimal | None


def estimate(request: PreparedRequest, counter: Counter | None = None) -> Estimate:
    """Estimate the conversation from its next request on."""
    count = counter or token_counter()
    first = estimate_prompt_tokens(request.wire.body, count)
    output = max_output_tokens(request.wire.body)
    later = [count([message.content]) for message in request.conversation.upcoming]
    low = _turns(first, later, reply=1)
    high = _turns(first, later, reply=output)
    config = request.thread.llm_config
    return Estimate(
        prompt_tokens=first,
        max_output_tokens=output,
        requests=len(high),
        all_prompt_tokens=sum(low),
        all_output_tokens=output * len(high),
        most_tokens=sum(high) + output * len(high),
        cost_low_usd=_dollars(config.client, config.model, low, reply=1),
        cost_high_usd=_dollars(config.client, config.model, high, reply=output),
    )


def _turns(first: int, later: list[int], *, reply: int) -> list[int]:
    """Prompt tokens of each request, when each reply has `reply` tokens."""
    prompts = [first]
    for said in later:
        prompts.append(prompts[-1] + reply + said)
    return prompts


def _dollars(client: str, model: str | None, prompts: list[int], *, reply: int) -> Decimal | None:
    total = Decimal(0)
    for prompt in prompts:
        usd = price(client, model, TokenUsage(prompt_tokens=prompt, completion_tokens=reply)).usd
        if usd is None:
            return None
        total += usd
    return total
