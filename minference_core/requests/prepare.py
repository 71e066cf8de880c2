"""A conversation's next request: the exact bytes to be sent, and the key that names its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from minference_core import ids
from minference_core.errors import Unsupported
from minference_core.providers import Provider, WireRequest, provider_of
from minference_core.providers.embedded_calls import with_embedded_calls
from minference_core.requests.outcome import Attempt, Meaning, interpret
from minference_core.requests.tokens import Weight, weigh
from minference_core.threads import ChatThread, Conversation

__all__ = ["PreparedRequest", "prepare"]


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """
    One request, ready but for the key of the account.

    Attributes:
        key: Hash of everything that can change the answer, never of a secret. With the thread's
            lineage it names the answer: the same question in two rows is two conversations.
        conversation: The conversation whose thread is sent.
        provider: Who writes it, and reads nothing: an answer says by its shape whose words it is in.
        body: What goes over the wire, byte for byte.
    """

    key: UUID
    conversation: Conversation
    provider: Provider
    wire: WireRequest
    body: bytes

    @property
    def thread(self) -> ChatThread:
        return self.conversation.thread

    @property
    def name(self) -> tuple[UUID, UUID]:
        """What its answer is filed under: (the thread's lineage, the request's key)."""
        return self.thread.lineage_id, self.key

    @property
    def client(self) -> str:
        return self.thread.llm_config.client

    @property
    def model(self) -> str | None:
        return self.thread.llm_config.model

    @property
    def weight(self) -> Weight:
        """What it takes of limits and budgets; worked out each time."""
        return weigh(self.wire.body)

    @property
    def journal_fields(self) -> Mapping[str, Any]:
        """Which conversation it is of, and where in it."""
        conversation = self.conversation
        return {
            "thread_key": conversation.thread_key,
            "sample": conversation.sample,
            "generation": conversation.generation,
            "in_thread_id": str(self.thread.id),
            "turn": conversation.turn,
            "step": conversation.step + 1,
        }

    def authorization(self, key: str) -> Mapping[str, str]:
        """The headers that carry the account's key."""
        return self.provider.authorization(key, self.wire)

    @property
    def dialect(self) -> str:
        """The wire format that it is written in."""
        return self.provider.dialect

    def interpret(self, attempt: Attempt) -> Meaning:
        """Read an attempt's raw answer, calls in its words included; nothing it may hold raises."""
        meaning = interpret(self.client, attempt)
        if meaning.reply is None:
            return meaning
        offered = [tool.name for tool in self.thread.offered_tools]
        reply = with_embedded_calls(meaning.reply, offered)
        return meaning if reply is meaning.reply else replace(meaning, reply=reply)


def prepare(conversation: Conversation) -> PreparedRequest:
    """
    Write the request that a conversation is ready to send; where it is to be asked again, as it is now.

    Raises:
        Unsupported: Its provider or model does not take what it asks for.
    """
    thread = conversation.thread
    try:
        provider = provider_of(thread)
        wire = provider.encode(thread)
        body = orjson.dumps(wire.body)
    except Unsupported:
        raise
    except (ValueError, TypeError, LookupError, RecursionError) as exc:  # of this row, and nobody else's
        raise Unsupported("messages", f"they cannot be written: {exc!r}", "leave out what is odd") from exc
    key = ids.hash_uuid(
        provider.name, provider.dialect, wire.asked.get("model"), wire.asked, conversation.sample,
        conversation.generation,
    )  # fmt: skip
    if (generation := conversation.again.get(key)) is not None:
        return prepare(replace(conversation, generation=generation))
    return PreparedRequest(key, conversation, provider, wire, body)
