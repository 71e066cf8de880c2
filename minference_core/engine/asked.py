"""
What the engine can send: a conversation's next request, a line of a request file, or anything else
that says these few things of itself.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from minference_core.providers import WireRequest
from minference_core.requests import Attempt, Meaning, Weight

__all__ = ["Sendable"]


class Sendable(Protocol):
    """One request, ready but for the key of the account."""

    @property
    def key(self) -> UUID:
        """
        Hash of everything that can change the answer, never of a secret.

        It goes over the wire as `x-client-request-id`, the same for every attempt.
        """
        ...

    @property
    def name(self) -> tuple[UUID, UUID]:
        """What its answer is filed under: (what it belongs to, its key)."""
        ...

    @property
    def wire(self) -> WireRequest:
        """Where it goes, and the headers that carry no secret."""
        ...

    @property
    def body(self) -> bytes:
        """What goes over the wire, byte for byte."""
        ...

    @property
    def client(self) -> str:
        """Whose words it is in; with the model it decides the price."""
        ...

    @property
    def model(self) -> str | None:
        """The model that is asked for, if it names one."""
        ...

    @property
    def weight(self) -> Weight:
        """What it takes of limits and budgets; asked for once a run."""
        ...

    @property
    def journal_fields(self) -> Mapping[str, Any]:
        """What else its intent record says, as JSON; no name in it is one of the engine's own."""
        ...

    def authorization(self, key: str) -> Mapping[str, str]:
        """The headers that carry the account's key."""
        ...

    def interpret(self, attempt: Attempt) -> Meaning:
        """Read an attempt's raw answer; nothing it may hold raises."""
        ...
