"""
Conversations that a run of some failures leaves as they are: counted and read, and not asked.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from minference_core.engine import Ends, History, RunStats
from minference_core.errors import Unsupported
from minference_core.requests import Records, Step, replay
from minference_core.threads import Conversation

__all__ = ["KEPT", "NEVER_ASKED", "keep", "read_branches"]

NEVER_ASKED = frozenset({"invalid"})
KEPT = frozenset({"failed", "left"})


def keep(
    conversations: Iterator[Conversation],
    journal: Path,
    history: History,
    stats: RunStats,
    note: Callable[[Step], None],
) -> None:
    """
    Take conversations as their journal left them.

    Args:
        note: Told of every step that is on record.
    """
    ends = Ends(journal, history)
    for conversation in conversations:
        last = _read(conversation, ends, note)
        read_branches(conversation, history, note)
        if last is not None and (failed := last.after.failed) is not None:
            stats.total += 1
            stats.done += 1
            stats.skipped += 1
            stats.failures[failed] += 1


def read_branches(conversation: Conversation, history: History, note: Callable[[Step], None]) -> None:
    """
    Read what a conversation had been answered before it was to be asked again.

    Args:
        note: Told of every step that is on record.
    """
    for branch in conversation.before:
        _read(branch, history, note)


def _read(conversation: Conversation, records: Records, note: Callable[[Step], None]) -> Step | None:
    """The last step, if any of it was ever asked."""
    last = None
    try:
        for last in replay(conversation, records):
            note(last)
    except Unsupported:
        pass
    return last
