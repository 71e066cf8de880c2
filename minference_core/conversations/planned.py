"""
The conversations of a request table: each as its first request, and made only when something needs it.

A conversation that is over with its first reply never is one: the request is in the table, and a reply is
judged by what all rows share that ask alike.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from minference_core.conversations.table import read_requests
from minference_core.errors import PlanOutdated
from minference_core.providers import Provider, WireRequest, provider_of
from minference_core.requests import PlannedRequest, PreparedRequest, Weight, prepare
from minference_core.specs import ConversationMaker, RowReader, SpecCells, SpecSource, read_cells
from minference_core.threads import Conversation, next_request

__all__ = ["Planned", "planned_conversations"]

_COLUMNS = [
    "request_key", "thread_key", "sample", "lineage_id", "in_thread_id", "client", "url_path",
    "headers", "body", "turn", "turns", "estimated_prompt_tokens", "most_prompt_tokens", "max_output_tokens",
    "state", "file", "row", "spec_hash",
]  # fmt: skip
# Rows usually ask in a few ways; where each has its own, they are made one by one.
_MOST_WAYS = 256


@dataclass(frozen=True, slots=True)
class Planned:
    """One conversation of the table."""

    request: PlannedRequest
    cells: SpecCells
    specs: "_Specs"
    is_amended: bool  # whether it was asked before, in another way

    def begun(self) -> Conversation:
        """
        The conversation itself, as its first request sends it.

        Raises:
            PlanOutdated: It is another than was planned.
        """
        made = self.specs.conversation(self.cells, self.request.sample)
        begun = next_request(made, at=datetime.now(UTC))
        if begun is None or str(begun.thread.id) != self.request.in_thread_id:
            raise self.specs.outdated()
        return begun

    def own_request(self) -> PreparedRequest:
        """
        Its first request, of the conversation itself.

        Raises:
            PlanOutdated: It is another than was planned.
        """
        begun = self.begun()
        return prepare(begun) if self.is_amended else self.request.of(begun)


def planned_conversations(
    source: SpecSource, requests: Path, client: str, *, unasked: Set[str]
) -> Iterator[Planned]:
    """
    One client's conversations in the table's order, a few in memory at a time.

    Args:
        unasked: The states of those that are left out.

    Raises:
        PlanOutdated: A spec is not what it was when the table was made.
    """
    specs = _Specs(source)
    for row in read_requests(requests, _COLUMNS, client=client):
        if row["state"] in unasked:
            continue
        cells = specs.cells_of(row)
        is_amended = bool(source.amendments.of(row["thread_key"], row["sample"]))
        alike = specs.amended(cells, row["sample"]) if is_amended else specs.asked_alike(cells, row["sample"])
        yield Planned(_request(row, alike), cells, specs, is_amended)


@dataclass(frozen=True, slots=True)
class _Alike:
    """A conversation as it is first sent, which stands for all that are asked alike; and who writes it."""

    sent: Conversation
    provider: Provider


class _Specs:
    """The rows of the specs, read beside the table that was made of them."""

    def __init__(self, source: SpecSource) -> None:
        self._source = source
        self._rows = read_cells(source)
        self._now: SpecCells | None = None
        self._reader = RowReader(source)
        self._maker = ConversationMaker(source)
        self._alike: dict[bytes, _Alike] = {}
        self._way = b""

    def cells_of(self, row: Mapping[str, Any]) -> SpecCells:
        """
        The row that one of the table was made of; later than or the same as the one before.

        Raises:
            PlanOutdated: It is gone, or says something else.
        """
        now, place = self._now, (row["file"], row["row"])
        if now is not None and now[:2] == place:
            return now  # another of its samples
        now = next((cells for cells in self._rows if cells[:2] == place), None)
        if now is None or now.hash != row["spec_hash"]:
            raise self.outdated()
        self._now, self._way = now, now.asked_alike()
        return now

    def asked_alike(self, cells: SpecCells, sample: int) -> _Alike:
        """What stands for the conversations of these cells."""
        alike = self._alike.get(self._way)
        if alike is None:
            if len(self._alike) >= _MOST_WAYS:
                self._alike.clear()
            alike = self._alike[self._way] = self._asked(cells, sample)
        return alike

    def amended(self, cells: SpecCells, sample: int) -> _Alike:
        """One that was asked before, in another way: it stands for itself alone."""
        alike = self._asked(cells, sample)
        return replace(alike, sent=prepare(alike.sent).conversation)

    def _asked(self, cells: SpecCells, sample: int) -> _Alike:
        made = self.conversation(cells, sample)
        sent = next_request(made, at=made.thread.created_at)
        if sent is None:
            raise self.outdated()
        return _Alike(sent, provider_of(sent.thread))

    def conversation(self, cells: SpecCells, sample: int) -> Conversation:
        spec = self._reader.read(cells).spec
        if spec is None:
            raise self.outdated()
        return self._maker.conversation(spec, sample)

    def outdated(self) -> PlanOutdated:
        return PlanOutdated(
            f"{self._source.folder} changed while it was being asked: materialize requests again"
        )


def _request(row: Mapping[str, Any], alike: _Alike) -> PlannedRequest:
    most_prompt, output = row["most_prompt_tokens"], row["max_output_tokens"]
    return PlannedRequest(
        key=UUID(row["request_key"]),
        conversation=alike.sent,
        provider=alike.provider,
        wire=_wire(row["url_path"], row["headers"]),
        body=row["body"].encode(),
        lineage=UUID(row["lineage_id"]),
        thread_key=row["thread_key"],
        sample=row["sample"],
        turn=row["turn"],
        in_thread_id=row["in_thread_id"],
        more_turns=row["turns"] > row["turn"],
        planned=None
        if most_prompt is None
        else Weight(row["estimated_prompt_tokens"], output, most_prompt, output or None),
    )


@lru_cache(maxsize=64)
def _wire(path: str, headers: str | None) -> WireRequest:
    """The same for nearly all requests of a lane, and without a body: that is in the table as bytes."""
    return WireRequest(path, {}, orjson.loads(headers) if headers else {})
