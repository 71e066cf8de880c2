"""
What a line's request weighs against tokens per minute: what is read and what may be written at most.

The body is somebody else's: a field of the wrong type weighs nothing here, and is for the server to refuse.
"""

from typing import Any

from minference_core import ids
from minference_core.providers.base import JsonObject
from minference_core.request_files.endpoints import COMPLETIONS, EMBEDDINGS, Endpoint
from minference_core.requests import token_counter

__all__ = ["weight"]

# What a completion is taken for that names no limit: the original's figure, and about what OpenAI counts.
_UNSAID_OUTPUT = 15
# As in requests/tokens.py: roles, separators and the reply primer.
_PER_MESSAGE = 3
_PER_REPLY = 3
_READ_AS_JSON = ("tools", "response_format", "output_config")


def weight(endpoint: Endpoint, body: JsonObject) -> int:
    """Tokens of one request, prompt and longest answer together."""
    if endpoint is EMBEDDINGS:
        return _read(body.get("input"))
    if endpoint is COMPLETIONS:
        prompt = body.get("prompt")
        answers = max(_number(body, "n", 1), _number(body, "best_of", 1)) * _prompts(prompt)
        return _read(prompt) + answers * _number(body, "max_tokens", _UNSAID_OUTPUT)
    limit = _number(body, "max_completion_tokens", _number(body, "max_tokens", _UNSAID_OUTPUT))
    return _conversation(body) + _number(body, "n", 1) * limit


def _conversation(body: JsonObject) -> int:
    messages = body.get("messages")
    said = [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    texts = [text for message in said for text in _texts(message.get("content"))]
    texts += _texts(body.get("system"))
    texts += [ids.json_text(body[field]) for field in _READ_AS_JSON if field in body]
    return token_counter()(texts) + _PER_MESSAGE * len(said) + _PER_REPLY


def _read(told: Any) -> int:
    """Tokens of a prompt: a text, a list of texts, a list of tokens or a list of such lists."""
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
    return token_counter()(texts) + tokens


def _prompts(prompt: Any) -> int:
    """How many prompts one request has: a list of numbers is one."""
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        return len(prompt)
    return 1


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)]


def _number(body: JsonObject, field: str, unsaid: int) -> int:
    value = body.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else unsaid
