"""
The ids of a reply's items: those that came after reasoning say so, as OpenAI knows of the ones it gave out.

Such an id holds the stem of its reasoning item's. A client that leaves ids out loses nothing but this check.
"""

import re

from minference_core.simulator.ids import Ids
from minference_core.simulator.seals import opened, sealed

__all__ = ["ItemIds", "encrypted", "is_encrypted_for", "reasoning_id_of"]

_AFTER_REASONING = re.compile(r"(?:fc|msg)_([0-9A-Za-z]{24})x[0-9a-f]{2}")
_PREFIX = "gAAAAAB"


class ItemIds:
    """Makes the ids of one reply."""

    def __init__(self, ids: Ids, *, reasoned: bool) -> None:
        self._ids = ids
        self._stem = ids.make("") if reasoned else None
        self._made = 0

    @property
    def reasoning(self) -> str:
        """The reasoning item's."""
        return f"rs_{self._stem}"

    def make(self, kind: str) -> str:
        """The next item's; `kind` is "fc" or "msg"."""
        self._made += 1
        if self._stem is None:
            return self._ids.make(f"{kind}_")
        return f"{kind}_{self._stem}x{self._made:02x}"


def reasoning_id_of(item_id: str) -> str | None:
    """The id of the reasoning item that came before this one; None if none did."""
    found = _AFTER_REASONING.fullmatch(item_id)
    return None if found is None else f"rs_{found[1]}"


def encrypted(reasoning_id: str) -> str:
    """What stands for the reasoning itself where it is not stored."""
    return sealed(reasoning_id, _PREFIX)


def is_encrypted_for(content: str, reasoning_id: str) -> bool | None:
    """Whether `content` belongs to that item; None if no simulator made it at all."""
    found = opened(content, _PREFIX)
    return None if found is None else found == reasoning_id
