"""
How many tokens a request will take: with tiktoken where a vocabulary is at hand, else by bytes.

tiktoken downloads its vocabularies on first use; that would be a network wait in the middle of a
run, so only a file that is already in its cache folder counts as at hand.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import orjson
import tiktoken

from minference_core.providers.base import JsonObject

__all__ = ["estimate_prompt_tokens", "max_output_tokens", "token_counter"]

log = logging.getLogger(__name__)

# tiktoken names a cached vocabulary by the SHA-1 of its address (tiktoken/load.py, read_file_cached).
_VOCABULARIES = {
    "o200k_base": "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
    "cl100k_base": "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
}
# English runs at about 4.2 bytes a token under cl100k_base, digits and code at 3, Chinese and emoji
# at 2 to 3: the limiter needs a good guess that rather overshoots on prose, not a bill.
_ASCII_BYTES_PER_TOKEN = 3.5
_OTHER_BYTES_PER_TOKEN = 2.5
# Roles, separators and the reply primer cost tokens that no text shows: OpenAI's figures for the
# gpt-4-0613 format (OpenAI cookbook, "How to count tokens with tiktoken").
_TOKENS_PER_MESSAGE = 3
_TOKENS_PER_REPLY = 3

Counter = Callable[[Sequence[str]], int]


def estimate_prompt_tokens(body: JsonObject, count: Counter | None = None) -> int:
    """
    Tokens a provider will read for this body.

    Args:
        body: A Chat Completions or Messages body.
        count: Tokens in some texts together; the best one at hand when left out.
    """
    messages = body.get("messages") or []
    texts = [text for message in messages for text in _texts(message.get("content"))]
    texts += _texts(body.get("system"))
    extra = [
        orjson.dumps(body[field]).decode()
        for field in ("response_format", "output_config", "tools")
        if field in body
    ]
    return (
        (count or token_counter())([*texts, *extra]) + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_REPLY
    )


def max_output_tokens(body: JsonObject) -> int:
    """The most tokens the reply can have, which is how providers count a request before it is answered."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    return int(limit) * int(body.get("n") or 1)


@lru_cache(maxsize=1)
def token_counter() -> Counter:
    """The best counter at hand, chosen once a process; says so when it has to estimate."""
    for name, url in _VOCABULARIES.items():
        if _cached(url):
            encoding = tiktoken.get_encoding(name)
            return lambda texts: sum(map(len, encoding.encode_ordinary_batch(list(texts), num_threads=1)))
    log.info("no tiktoken vocabulary at hand: tokens are estimated by bytes")
    return _by_bytes


def _by_bytes(texts: Sequence[str]) -> int:
    return sum(map(_tokens, texts))


def _tokens(text: str) -> int:
    size = len(text.encode("utf-8", "surrogatepass"))
    ascii_bytes = size if size == len(text) else sum(map(str.isascii, text))
    return ceil(ascii_bytes / _ASCII_BYTES_PER_TOKEN + (size - ascii_bytes) / _OTHER_BYTES_PER_TOKEN)


def _cached(url: str) -> bool:
    folder = (
        os.environ.get("TIKTOKEN_CACHE_DIR")
        or os.environ.get("DATA_GYM_CACHE_DIR")
        or str(Path(tempfile.gettempdir()) / "data-gym-cache")
    )
    name = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
    return (Path(folder) / name).is_file()


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
    return []
