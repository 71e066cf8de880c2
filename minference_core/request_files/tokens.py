"""
What a line's request weighs against tokens per minute: what is read and what may be written at most.

The body is somebody else's: a field of the wrong type weighs nothing here, and is for the server to refuse.
"""

from typing import Any, overload

from minference_core.providers.base import JsonObject
from minference_core.request_files.endpoints import COMPLETIONS, EMBEDDINGS, Endpoint
from minference_core.requests import Prompt, Weight, most_tokens_of, token_counter

__all__ = ["weigh_line"]

# What a completion is taken for that names no limit: the original's figure, and about what OpenAI counts.
_UNSAID_OUTPUT = 15


def weigh_line(endpoint: Endpoint, body: JsonObject) -> Weight:
    """One request's prompt, and its longest answer."""
    if endpoint is EMBEDDINGS:
        texts, tokens = _read(body.get("input"))
        return _weight(texts, tokens, prompts=len(texts), answers=0, limit=0)
    if endpoint is COMPLETIONS:
        prompt = body.get("prompt")
        answers = max(_number(body, "n", 1), _number(body, "best_of", 1)) * _prompts(prompt)
        texts, tokens = _read(prompt)
        return _weight(
            texts, tokens, prompts=len(texts), answers=answers, limit=_number(body, "max_tokens", None)
        )
    limit = _number(body, "max_completion_tokens", _number(body, "max_tokens", None))
    prompt = Prompt.of(body)
    answers = _number(body, "n", 1)
    return Weight(
        prompt=prompt.estimate(token_counter()),
        output=answers * (_UNSAID_OUTPUT if limit is None else limit),
        most_prompt=prompt.most(),
        most_output=None if limit is None else answers * limit,
    )


def _weight(texts: list[str], more: int, *, prompts: int, answers: int, limit: int | None) -> Weight:
    """
    Args:
        more: Tokens that are in no text.
        answers: How many the request asks for.
        limit: Tokens that each may have; None when nothing says.
    """
    most = None if limit is None else answers * limit
    return Weight(
        prompt=token_counter()(texts) + more,
        output=answers * (_UNSAID_OUTPUT if limit is None else limit),
        most_prompt=most_tokens_of(texts, prompts) + more,
        most_output=0 if answers == 0 else most,
    )


def _read(told: Any) -> tuple[list[str], int]:
    """What a prompt says, and its tokens beside: a text, a list of texts, of tokens, or of such lists."""
    texts, tokens = list[str](), 0
    waiting = [told]
    while waiting:
        match waiting.pop():
            case str() as text:
                texts.append(text)
            case list() as parts:
                waiting += parts
            case int():
                tokens += 1
    return texts, tokens


def _prompts(prompt: Any) -> int:
    """How many prompts one request has: a list of numbers is one."""
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        return len(prompt)
    return 1


@overload
def _number(body: JsonObject, field: str, unsaid: int) -> int: ...
@overload
def _number(body: JsonObject, field: str, unsaid: int | None) -> int | None: ...
def _number(body: JsonObject, field: str, unsaid: int | None) -> int | None:
    value = body.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else unsaid
