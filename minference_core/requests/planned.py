"""
A conversation's first request as it was planned: sent as it was inspected, with nothing built again for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from minference_core.requests.prepare import PreparedRequest
from minference_core.requests.tokens import Weight, weigh
from minference_core.threads import Conversation

__all__ = ["PlannedRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest(PreparedRequest):
    """
    The first request of a conversation that has not been made yet.

    `conversation` is another one that is asked alike, with the same config, tools and rules, whatever is said
    in it: enough to judge a reply by. `wire` has no body; the bytes are all there is of it.

    Attributes:
        planned: What it weighs; None where the plan does not say.
        in_thread_id: The version of the conversation's own thread that it sends.
        more_turns: Whether the user goes on after the reply.
    """

    lineage: UUID
    thread_key: str
    sample: int
    turn: int
    in_thread_id: str
    more_turns: bool
    planned: Weight | None = field(default=None)

    @property
    def name(self) -> tuple[UUID, UUID]:
        return self.lineage, self.key

    @property
    def weight(self) -> Weight:
        return self.planned if self.planned is not None else weigh(orjson.loads(self.body))

    @property
    def journal_fields(self) -> Mapping[str, Any]:
        return {
            "thread_key": self.thread_key,
            "sample": self.sample,
            "generation": self.conversation.generation,
            "in_thread_id": self.in_thread_id,
            "turn": self.turn,
            "step": 1,
        }

    def of(self, conversation: Conversation) -> PreparedRequest:
        """The same request, of its own conversation."""
        return PreparedRequest(self.key, conversation, self.provider, self.wire, self.body)
