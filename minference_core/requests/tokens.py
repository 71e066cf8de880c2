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
from typing import Any, NamedTuple

import orjson
import tiktoken

from minference_core.providers.base import JsonObject
from minference_core.providers.reading import json_ascii, objects

__all__ = [
    "Prompt",
    "Weight",
    "estimate_prompt_tokens",
    "max_output_tokens",
    "most_tokens_of",
    "token_counter",
    "weigh",
]

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
# The same as a bound that no chat format of theirs reaches: role, separators, a name, and a primer.
_MOST_TOKENS_PER_MESSAGE = 8
# What most of Anthropic's models count for a picture that need not be scaled, 1568 pixels on the longer side
# (platform.claude.com/docs/en/build-with-claude/vision: "approximately 1,600 tokens"); OpenAI's 765 for
# 1024 by 1024 pixels in high detail is less. How large a picture is cannot be seen in its address.
_TOKENS_PER_IMAGE = 1600
# The most of any model: OpenAI's 10,000 patches in original detail at its small models' factor of 1.62; but
# gpt-4o-mini counts 2,833 and 5,667 for each of up to eight tiles (platform.openai.com/docs/guides/
# images-vision, "Calculating costs"). Anthropic's 4,784 are less.
_MOST_TOKENS_PER_IMAGE = 16_200
_MOST_BY_TILES = ("gpt-4o-mini", 48_169)
_IMAGES = ("image", "image_url", "input_image")
# What is read of these depends on what is in them, and may be at an address: pages, minutes. A guess, and no
# bound at all.
_TOKENS_PER_FILE = 3_000
_FILES = ("document", "container_upload", "file", "input_file", "input_audio", "audio", "video", "video_url")
# Fields whose text is read by the model. Signatures and encrypted reasoning are not: they are longer than
# the tokens that they stand for.
_WORDS = (
    "content",
    "text",
    "tool_calls",
    "function_call",
    "function",
    "name",
    "arguments",
    "output",
    "thinking",
    "summary",
)

_READ_AS_JSON = (
    "response_format", "output_config", "text", "structured_outputs", "tools", "functions", "tool_choice",
)  # fmt: skip

Counter = Callable[[Sequence[str]], int]


class Weight(NamedTuple):
    """
    What one request takes of an account's limits and budgets, in tokens.

    Attributes:
        prompt: Read, as good a guess as can be had.
        output: Written at most, as providers count a request before it is answered.
        most_prompt: Read at the very most, whatever the tokenizer: a guess may be too low, a budget must not.
            None when nothing bounds it.
        most_output: Written at the very most; None when nothing in the request bounds it.
    """

    prompt: int
    output: int
    most_prompt: int | None
    most_output: int | None

    @property
    def tokens(self) -> int:
        """Read and written: what tokens per minute count."""
        return self.prompt + self.output


def weigh(body: JsonObject, count: Counter | None = None) -> Weight:
    """What a Chat Completions, Responses or Messages body weighs."""
    read = Prompt.of(body)
    output = max_output_tokens(body)
    return Weight(read.estimate(count or token_counter()), output, read.most(), output or None)


def estimate_prompt_tokens(body: JsonObject, count: Counter | None = None) -> int:
    """
    Tokens a provider will read for this body.

    Args:
        body: A Chat Completions, Responses or Messages body.
        count: Tokens in some texts together; the best one at hand when left out.
    """
    return Prompt.of(body).estimate(count or token_counter())


def most_tokens_of(texts: Sequence[str], messages: int) -> int:
    """
    More than any tokenizer makes of these texts.

    The tokens of a byte-level vocabulary, which all these providers have, are a byte at least.
    """
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size + _MOST_TOKENS_PER_MESSAGE * (messages + 1)


class Prompt(NamedTuple):
    """
    What of a body is read by the model.

    Attributes:
        files: Documents and recordings, whose length nothing in the body says.
        most_of_an_image: Tokens that the body's model may count for one.
    """

    texts: list[str]
    messages: int
    images: int
    files: int
    most_of_an_image: int

    @classmethod
    def of(cls, body: JsonObject) -> "Prompt":
        """Of a Chat Completions, Responses or Messages body; what is of a wrong type there is not read."""
        said = body.get("messages") or body.get("input")
        if isinstance(said, str):
            said = [{"content": said}] if "input" in body else []
        messages = list(objects(said))
        found = _Found()
        found.read([*messages, {"content": body.get("system")}, {"content": body.get("instructions")}])
        extra = [_json(body[field]) for field in _READ_AS_JSON if field in body]
        model, by_tiles = _MOST_BY_TILES
        most = by_tiles if model in str(body.get("model")) else _MOST_TOKENS_PER_IMAGE
        return cls([*found.texts, *extra], len(messages), found.images, found.files, most)

    def estimate(self, count: Counter) -> int:
        """As good a guess as can be had, in tokens."""
        others = _TOKENS_PER_MESSAGE * self.messages + _TOKENS_PER_REPLY
        return count(self.texts) + _TOKENS_PER_IMAGE * self.images + _TOKENS_PER_FILE * self.files + others

    def most(self) -> int | None:
        """Tokens that it cannot have more of; None when nothing bounds it."""
        if self.files:
            return None
        return most_tokens_of(self.texts, self.messages) + self.most_of_an_image * self.images


def max_output_tokens(body: JsonObject) -> int:
    """The most tokens the reply can have, which is how providers count a request before it is answered."""
    limits = (body.get(field) for field in ("max_completion_tokens", "max_output_tokens", "max_tokens"))
    return int(next((limit for limit in limits if limit), 0)) * int(body.get("n") or 1)


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


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair
        return json_ascii(value)


class _Found:
    """What is in messages to be read: texts, and images, whose data are none."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images = self.files = 0

    def read(self, value: Any) -> None:
        """Messages, blocks, parts and items of all providers, and what they are in."""
        if isinstance(value, list):
            for inner in value:
                self.read(inner)
        if not isinstance(value, dict):
            return
        if value.get("type") in _IMAGES:
            self.images += 1
            return
        if value.get("type") in _FILES:
            self.files += 1
            return
        for field in _WORDS:
            if isinstance(inner := value.get(field), str):
                self.texts.append(inner)
            elif inner is not None:
                self.read(inner)
        if isinstance(made := value.get("input"), dict):  # the arguments of a call on Anthropic
            self.texts.append(_json(made))
