"""
Which conversations of a plan will be given another's answers, as far as that can be known before asking.

A conversation that only begins like another is not among them: what comes later is its own, and is priced.
"""

from collections.abc import Iterator
from uuid import UUID

from minference_core import ids
from minference_core.conversations.reuse import Reuse, Scope
from minference_core.conversations.seen import Seen
from minference_core.engine import History
from minference_core.errors import Unsupported
from minference_core.requests import PreparedRequest, prepare
from minference_core.specs import SpecSource, read_conversations
from minference_core.threads import ResponseFormat, next_request

__all__ = ["Sharing"]

_LOOPS = (ResponseFormat.auto_tools, ResponseFormat.workflow)


class Sharing:
    """Goes along with a plan, and says of each conversation that waits whether another has its answers."""

    def __init__(self, reuse: Reuse, source: SpecSource, history: History) -> None:
        self._off = reuse.scope is Scope.ROWS
        self._asked = Seen()  # whole conversations that this plan asks
        self._answered = Seen()  # first requests that have an answer
        if self._off:
            return
        for _, key in history.settled_names():
            self._answered.add(key)
        for found in reuse.answered_elsewhere(_first_keys(source)):
            self._answered.add(UUID(found))

    def has_its_answers(self, first: PreparedRequest) -> bool:
        """Whether a conversation of which nothing was asked yet is another's double."""
        if self._off:
            return False
        thread, upcoming = first.thread, first.conversation.upcoming
        is_one_request = not upcoming and thread.llm_config.response_format not in _LOOPS
        if is_one_request and first.key in self._answered:
            return True
        later = [[message.content, str(message.images)] for message in upcoming]
        return not self._asked.add(
            ids.hash_uuid("conversation", str(first.key), later, thread.max_steps, thread.max_repairs)
        )


def _first_keys(source: SpecSource) -> Iterator[str]:
    """What every conversation begins with; made once more than the plan needs, so as not to keep them all."""
    for _, conversation in read_conversations(source):
        if conversation is None:
            continue
        ready = next_request(conversation, at=conversation.thread.created_at)
        try:
            if ready is not None:
                yield str(prepare(ready).key)
        except Unsupported:
            continue
