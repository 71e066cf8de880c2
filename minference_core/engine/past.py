"""
Many requests' past in little memory: where each stands in the journals, and how often it was sent.

Some fifty bytes a request, whatever its key, where a dictionary takes three hundred: keys and facts lie in
arrays in the order of their coming, and a table of open addresses finds their place in them.
"""

from array import array
from collections.abc import Iterator

__all__ = ["Past", "Seen"]

KEY_BYTES = 16
_FIRST_SIZE = 1 << 10
_BLOCK = 1 << 12
# Beyond it, looking for a key that is not there takes too many steps.
_FULLEST = 2 / 3


class Past:
    """
    What is known of each request, by a number that `find` and `find_or_add` give.

    Attributes:
        attempts: How often it was sent.
        first_sent_us: When first, in microseconds since 1970.
        outcome: The place of the outcome that settled it, plus 1; 0 if none did.
        refusal: A number for the last refusal; 0 for none.
        last_tool: The number of its last execution of a tool, plus 1; 0 for none.
    """

    def __init__(self) -> None:
        self.attempts = array("I")
        self.first_sent_us = array("q")
        self.outcome = array("Q")
        self.refusal = array("B")
        self.last_tool = array("I")
        self._tools = array("Q")
        self._tool_before = array("I")
        self._keys = bytearray()
        self._slots = array("I", bytes(4 * _FIRST_SIZE))
        self._most = int(_FIRST_SIZE * _FULLEST)

    def __len__(self) -> int:
        return len(self.first_sent_us)

    def find(self, key: bytes) -> int | None:
        """The number of a request; None if nothing is known of it."""
        slots, keys = self._slots, self._keys
        mask = len(slots) - 1
        slot = hash(key) & mask
        while number := slots[slot]:
            if keys.startswith(key, (number - 1) * KEY_BYTES):
                return number - 1
            slot = (slot + 1) & mask
        return None

    def find_or_add(self, key: bytes, first_sent_us: int) -> int:
        """The number of a request; one that is not in it yet was first sent at that time."""
        slots, keys = self._slots, self._keys
        mask = len(slots) - 1
        slot = hash(key) & mask
        while number := slots[slot]:
            if keys.startswith(key, (number - 1) * KEY_BYTES):
                return number - 1
            slot = (slot + 1) & mask
        number = len(self.first_sent_us)
        slots[slot] = number + 1
        keys += key
        self.first_sent_us.append(first_sent_us)
        if number == len(self.attempts):
            self._make_room()
        if number >= self._most:
            self._grow()
        return number

    def note_attempt(self, number: int, attempt: int) -> None:
        """It was sent, and for that time it was not refused."""
        if attempt > self.attempts[number]:
            self.attempts[number] = attempt
        if self.refusal[number]:
            self.refusal[number] = 0

    def add_tool(self, number: int, place: int) -> None:
        """Note where an execution of a tool is, that a request's answer called."""
        self._tools.append(place)
        self._tool_before.append(self.last_tool[number])
        self.last_tool[number] = len(self._tools)

    def tools(self, number: int) -> list[int]:
        """The places of the executions, oldest first."""
        found, tool = [], self.last_tool[number]
        while tool:
            found.append(self._tools[tool - 1])
            tool = self._tool_before[tool - 1]
        return found[::-1]

    def _make_room(self) -> None:
        """In blocks, as one at a time takes five calls for each request."""
        for facts in (self.attempts, self.outcome, self.refusal, self.last_tool):
            facts.frombytes(bytes(facts.itemsize * _BLOCK))

    def _grow(self) -> None:
        slots = self._slots = array("I", bytes(8 * len(self._slots)))
        mask = len(slots) - 1
        self._most = int(len(slots) * _FULLEST)
        for number, key in enumerate(self._all_keys(), start=1):
            slot = hash(key) & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = number

    def _all_keys(self) -> Iterator[bytes]:
        keys = memoryview(self._keys)
        for begin in range(0, len(keys), KEY_BYTES):
            yield bytes(keys[begin : begin + KEY_BYTES])


class Seen:
    """
    How often requests that are done with were sent, and what they were last refused for: 8 bytes each.

    By 48 bits of the key only: in one of five hundred runs of a million requests two are taken for the same,
    and what comes of it is an attempt that is counted from 2.
    """

    MOST = 255

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SIZE))
        self._used = 0

    def get(self, key: bytes) -> tuple[int, int]:
        """Attempts and refusal; zeros for one that was never put."""
        kept = self._slots[self._slot(_mark(key))]
        return kept >> 8 & 0xFF, kept & 0xFF

    def put(self, key: bytes, attempts: int, refusal: int) -> None:
        """Keep both, neither of which may be above `MOST`."""
        if self._used >= len(self._slots) * _FULLEST:
            self._grow()
        mark = _mark(key)
        slot = self._slot(mark)
        self._used += not self._slots[slot]
        self._slots[slot] = mark << 16 | attempts << 8 | refusal

    def _slot(self, mark: int) -> int:
        """Where a mark is, or is to be put."""
        slots = self._slots
        mask = len(slots) - 1
        slot = mark & mask
        while (kept := slots[slot]) and kept >> 16 != mark:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        before, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for kept in before:
            if kept:
                self._slots[self._slot(kept >> 16)] = kept


def _mark(key: bytes) -> int:
    """Never 0, which is an empty slot."""
    return int.from_bytes(key[:6]) or 1
