"""
Prompt caching: where a request is marked with `cache_control`, and what of it a server has seen before.

A request's blocks in the order tools, system, messages make its prefixes, one to the end of each block. A
mark stores the prefix it ends; a later request reads the longest stored one that ends no more than 20 blocks
before one of its own marks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from minference_core.simulator.anthropic.images import TOKENS_PER_IMAGE
from minference_core.simulator.anthropic.messages import text_of
from minference_core.simulator.anthropic.refusals import bad
from minference_core.simulator.tokens import count_tokens
from minference_core.simulator.wire import JsonObject

__all__ = ["Cached", "Prefix", "PrefixCache", "check_marks", "prefixes"]

_MOST_MARKS = 4
_SHORTEST = 1024  # tokens
_LOOKBACK = 20  # blocks
_REMEMBERED = 10_000
_LIFETIMES = ("5m", "1h")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A request up to the end of one of its blocks."""

    digest: bytes
    tokens: int
    lifetime: str | None  # of the mark on its last block; None if there is none


@dataclass(frozen=True, slots=True)
class Cached:
    """What a cache had to do with a request, in tokens."""

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


class PrefixCache:
    """The prefixes that one server has stored, the oldest forgotten first."""

    def __init__(self) -> None:
        self._known: dict[bytes, None] = {}

    def use(self, found: tuple[Prefix, ...]) -> Cached:
        """Read the longest prefix that is known, and store those that are marked."""
        read = self.known(found)
        written, done = dict.fromkeys(_LIFETIMES, 0), read
        for prefix in (found[at] for at in _marked(found)):
            self._store(prefix.digest)
            written[str(prefix.lifetime)] += max(0, prefix.tokens - done)
            done = max(done, prefix.tokens)
        return Cached(read, written["5m"], written["1h"])

    def known(self, found: tuple[Prefix, ...]) -> int:
        """Tokens of the longest prefix that is known."""
        near = {back for at in _marked(found) for back in range(max(0, at - _LOOKBACK), at + 1)}
        return max((found[at].tokens for at in near if found[at].digest in self._known), default=0)

    def _store(self, digest: bytes) -> None:
        self._known.pop(digest, None)
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]


def _marked(found: tuple[Prefix, ...]) -> list[int]:
    return [at for at, prefix in enumerate(found) if prefix.lifetime and prefix.tokens >= _SHORTEST]


def check_marks(body: JsonObject) -> None:
    """
    Raises:
        Refused: Too many marks, one of an unknown kind, or one where there is nothing to cache.
    """
    found = list(_marks(body))
    seen_5m = False
    for where, block in found:
        mark, where = block["cache_control"], f"{where}.cache_control"
        if mark.get("type") != "ephemeral":
            raise bad(f"{where}: Input tag '{mark.get('type')}' does not match the expected tag: 'ephemeral'")
        lifetime = mark.get("ttl", "5m")
        if lifetime not in _LIFETIMES:
            raise bad(f"{where}.ephemeral.ttl: Input should be '5m' or '1h'")
        if lifetime == "1h" and seen_5m:
            rule = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
            order = "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            raise bad(f"{where}.ttl: {rule} {order}")
        seen_5m = seen_5m or lifetime == "5m"
    if len(found) > _MOST_MARKS:
        rule = f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided."
        raise bad(f"{rule} Found {len(found)}.")


def prefixes(body: JsonObject, total: int) -> tuple[Prefix, ...]:
    """Those of a request of `total` tokens, if it is marked anywhere."""
    if not any(_marks(body)):
        return ()
    running = blake2b(body["model"].encode("utf-8", "replace"), digest_size=16)
    blocks = [block for _, block in _blocks(body)]
    tokens, found = 0, list[Prefix]()
    for at, block in enumerate(blocks):
        mark = block.get("cache_control")
        if at == len(blocks) - 1:  # a mark on the request itself is one on its last block
            mark = mark or body.get("cache_control")
        bare = {field: value for field, value in block.items() if field != "cache_control"}
        running.update(orjson.dumps(bare) + b"\0")
        tokens = min(total, tokens + _tokens(bare))
        found.append(Prefix(running.digest(), tokens, mark.get("ttl", "5m") if mark else None))
    return tuple(found)


def _marks(body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for where, block in _blocks(body):
        if block.get("cache_control"):
            yield where, block
        inner = block.get("content")
        for at, part in enumerate(inner if isinstance(inner, list) else ()):
            if part.get("cache_control"):
                yield f"{where}.content.{at}", part
    if body.get("cache_control"):
        yield "", body


def _blocks(body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Every block and where it is, in the order the model reads them."""
    for at, tool in enumerate(body.get("tools") or ()):
        yield f"tools.{at}", tool
    for at, block in enumerate(_as_blocks(body.get("system"))):
        yield f"system.{at}", block
    for number, message in enumerate(body["messages"]):
        for at, block in enumerate(_as_blocks(message["content"])):
            yield f"messages.{number}.content.{at}", block


def _as_blocks(content: Any) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content or []


def _tokens(block: JsonObject) -> int:
    match block.get("type"):
        case "text":
            return count_tokens(block["text"])
        case "image":
            return TOKENS_PER_IMAGE
        case "tool_result":
            return count_tokens(text_of([block]))
        case _:
            return count_tokens(str(block))
