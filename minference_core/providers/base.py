"""
What every provider adapter is: two pure functions and a name.

No client, no key, no waiting, no logging: sending is `engine/transport.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from minference_core.threads import ChatThread, Reply

__all__ = ["JsonObject", "Provider", "WireRequest", "endpoint", "merged"]

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """
    One request as the provider wants it, but for the key.

    Attributes:
        asked: The body without what cannot change the answer, such as cache marks; the same as `body`
            where it holds nothing of the kind. Requests are told apart by it.
    """

    path: str
    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.asked:
            object.__setattr__(self, "asked", self.body)


class Provider(Protocol):
    """How one API is written to and read from."""

    @property
    def name(self) -> str:
        """The client's name: short, lower case, stable; it is stored with every exchange."""
        ...

    @property
    def dialect(self) -> str:
        """The wire format's name; part of a request's key, since it changes what is asked."""
        ...

    def encode(self, thread: ChatThread) -> WireRequest:
        """
        Write the thread's next request in the provider's words.

        Raises:
            Unsupported: The thread asks for what the provider or model does not take.
        """
        ...

    def decode(self, body: object) -> Reply:
        """
        Read a 2xx body.

        Raises:
            Undecodable: The body is not what the provider documents.
        """
        ...

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        """The headers that carry the key."""
        ...


def merged(body: JsonObject, extra: Mapping[str, Any] | None, *, deep: tuple[str, ...] = ()) -> JsonObject:
    """
    A body with what the user adds to it or says otherwise.

    Args:
        deep: Objects that keep what else is in them.
    """
    added = dict(extra or {})
    for name in deep:
        if isinstance(added.get(name), dict) and isinstance(body.get(name), dict):
            added[name] = {**body[name], **added[name]}
    return body | added


# Of the endpoints of one server, a base URL may name another than the one that is asked.
_TAILS = ("/chat/completions", "/responses", "/messages")


@lru_cache(maxsize=256)
def endpoint(base_url: str, path: str) -> str:
    """
    Where a path of the API is under a base URL that may already hold some or all of it.

    `https://host`, `https://host/v1`, `https://host/v1/chat/completions` and `https://host/v1/responses`
    all name the same endpoint for the path `/v1/chat/completions`.
    """
    base, question_mark, query = base_url.partition("?")
    base = base.rstrip("/")
    steps = path.strip("/").split("/")
    for tail in _TAILS:
        if not path.endswith(tail) and base.endswith(f"/{steps[0]}{tail}"):
            base = base.removesuffix(tail)
    held = next((n for n in range(len(steps), 0, -1) if base.endswith("/" + "/".join(steps[:n]))), 0)
    return "/".join([base, *steps[held:]]) + question_mark + query
