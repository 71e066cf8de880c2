"""A conversation's next request: the exact bytes to be sent, and the key that names its answer."""

from dataclasses import dataclass
from uuid import UUID

import orjson

from minference_core import ids
from minference_core.providers import WireRequest, provider_for
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
        body: What goes over the wire, byte for byte.
    """

    key: UUID
    conversation: Conversation
    wire: WireRequest
    body: bytes

    @property
    def thread(self) -> ChatThread:
        return self.conversation.thread

    @property
    def name(self) -> tuple[UUID, UUID]:
        """What its answer is filed under: (the thread's lineage, the request's key)."""
        return self.thread.lineage_id, self.key


def prepare(conversation: Conversation) -> PreparedRequest:
    """
    Write the request that a conversation is ready to send.

    Raises:
        Unsupported: Its provider or model does not take what it asks for.
    """
    thread = conversation.thread
    provider = provider_for(thread.llm_config.client)
    wire = provider.encode(thread)
    key = ids.hash_uuid(
        provider.name, provider.dialect, wire.body.get("model"), wire.body, conversation.sample,
        conversation.generation,
    )  # fmt: skip
    return PreparedRequest(key, conversation, wire, orjson.dumps(wire.body))
