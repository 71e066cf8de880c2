"""
What a whole conversation may take, before any of it is sent.

Later requests carry the replies before them, so a conversation's price is more than its first
request's. The low figure has as few replies as there can be, each of one token; the high one has as many
as the thread allows (tool loops to `max_steps`, repairs to `max_repairs`), each of its full `max_tokens`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from minference_core.requests.prepare import PreparedRequest
from minference_core.requests.price import NO_PRICES, price
from minference_core.requests.tokens import Counter, token_counter, weigh
from minference_core.threads import ChatThread, OwnPrice, ResponseFormat, TokenUsage

__all__ = ["Estimate", "estimate"]

# What tools give is not known before they have run: a page of text is taken for each reply's calls.
_RESULT_TOKENS = 500


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    Tokens and dollars of what is still to be sent.

    `prompt_tokens`, `max_output_tokens` and `most_prompt_tokens` are the next request's; everything else is
    the whole conversation's. Dollars are None when the price is unknown.

    Attributes:
        requests: At least this many are sent.
        all_prompt_tokens: At least this many are read, when replies are short.
        all_output_tokens: At most this many are written.
        most_tokens: Read and written at most: what a tokens-per-minute limit has to let through.
    """

    prompt_tokens: int
    max_output_tokens: int
    most_prompt_tokens: int | None
    requests: int
    all_prompt_tokens: int
    all_output_tokens: int
    most_tokens: int
    cost_low_usd: Decimal | None
    cost_high_usd: Decimal | None


def estimate(
    request: PreparedRequest, counter: Counter | None = None, *, prices: Mapping[str, OwnPrice] = NO_PRICES
) -> Estimate:
    """
    Estimate the conversation from its next request on.

    Args:
        prices: The user's own, by model.
    """
    count = counter or token_counter()
    weight = weigh(request.wire.body, count)
    first, output = weight.prompt, weight.output
    said = [count([message.content]) for message in request.conversation.upcoming]
    now = request.conversation
    fewest, most = _replies(now.thread, step=now.step, repairs=now.repairs)
    fewest_later, most_later = _replies(now.thread)
    low = _prompts(first, said, (fewest, fewest_later), reply=1, result=1)
    high = _prompts(first, said, (most, most_later), reply=output, result=_RESULT_TOKENS)
    config = request.thread.llm_config
    return Estimate(
        prompt_tokens=first,
        max_output_tokens=output,
        most_prompt_tokens=weight.most_prompt,
        requests=len(low),
        all_prompt_tokens=sum(low),
        all_output_tokens=output * len(high),
        most_tokens=sum(high) + output * len(high),
        cost_low_usd=_dollars(config.client, config.model, prices, low, reply=1),
        cost_high_usd=_dollars(config.client, config.model, prices, high, reply=output),
    )


def _replies(thread: ChatThread, *, step: int = 0, repairs: int = 0) -> tuple[int, int]:
    """How many replies a turn has at least and at most, from where it stands."""
    left = thread.max_steps - step
    match thread.llm_config.response_format:
        case ResponseFormat.text:
            return 1, 1
        case ResponseFormat.auto_tools:
            return 1, left
        case ResponseFormat.workflow:
            return max(1, len(thread.tools) - (thread.workflow_step or 0)), left
    return 1, max(1, min(1 + thread.max_repairs - repairs, left))


def _prompts(first: int, said: list[int], replies: tuple[int, int], *, reply: int, result: int) -> list[int]:
    """
    Prompt tokens of each request.

    Args:
        said: Tokens of each later user turn.
        replies: Of the present turn, and of each later one.
        reply: Tokens of each.
        result: Tokens of what the model is told in between: results of its calls, or what was wrong.
    """
    prompts: list[int] = []
    read, (now, later) = first, replies
    for turn, count in [(0, now), *((tokens, later) for tokens in said)]:
        read += turn + (reply if prompts else 0)
        prompts.append(read)
        for _ in range(count - 1):
            read += reply + result
            prompts.append(read)
    return prompts


def _dollars(
    client: str, model: str | None, prices: Mapping[str, OwnPrice], prompts: list[int], *, reply: int
) -> Decimal | None:
    total = Decimal(0)
    for prompt in prompts:
        usd = price(client, model, TokenUsage(prompt_tokens=prompt, completion_tokens=reply), prices).usd
        if usd is None:
            return None
        total += usd
    return total
