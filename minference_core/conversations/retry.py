"""
Asking again what failed: which conversations that is, and what is written down of it before anything is sent.

A failure that a plain run would try again needs nothing more than to be among those that are asked. One that
is settled, or that is to be asked in another way, is amended: its answers get a generation of their own.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from minference_core.engine import Ends, History
from minference_core.errors import ErrorClass, Unsupported
from minference_core.requests import Step, prepare, replay
from minference_core.specs import (
    CONFIG_COLUMNS,
    Amendment,
    Generations,
    SpecSource,
    fitted,
    read_conversations,
)
from minference_core.threads import Conversation, next_request

__all__ = ["End", "Retry", "RetryReport", "amend", "end_of"]


@dataclass(frozen=True, slots=True)
class Retry:
    """
    Which conversations are to be asked again.

    Attributes:
        classes: How they ended.
        config: Columns of their configs that are to be others now: client, model, max_tokens.
    """

    classes: frozenset[ErrorClass]
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryReport:
    """
    What a partition's failures are, and what was decided of them.

    Attributes:
        ends: Conversations that had ended early, by class.
        chosen: Of these, the ones that are asked again.
        refused: Why others of the classes cannot be asked that way, with their number.
    """

    ends: Mapping[str, int]
    chosen: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class End:
    """
    How a conversation stands.

    Attributes:
        error: Why it ended early; of one that waits to be asked again, why it had. None for all others.
        last: The last request that was tried, or the next one.
        waits: Whether it is neither failed nor complete.
    """

    error: ErrorClass | None
    last: Step
    waits: bool


def amend(source: SpecSource, journal: Path, retry: Retry, *, at: datetime, run_id: str) -> RetryReport:
    """
    Write down what it takes that a run asks the chosen conversations again.

    Args:
        source: The partition's specs, as they are amended so far.
        journal: Its journal folder.
        at: Now, UTC.
        run_id: The run that asks for it.

    Raises:
        SpecError: The specs cannot be read.
        JournalError: The journal is damaged, or cannot be written.
    """
    generations = Generations(journal)
    history = History(journal)
    chooser = _Chooser(source, history, Ends(journal, history), retry)
    generation = max(generations.next_free(), source.generation + 1)
    made = [
        Amendment(
            thread_key=conversation.thread_key,
            sample=conversation.sample,
            of=source.generation,
            generation=generation,
            at=at,
            run_id=run_id,
            **how,
        )
        for conversation, how in chooser.amended()
    ]
    if made:
        generations.amend(made)
    return RetryReport(dict(chooser.ends), chooser.chosen, dict(chooser.refused))


def end_of(conversation: Conversation, source: SpecSource, ends: Ends) -> End:
    """
    How a conversation stands, by its journal.

    Raises:
        Unsupported: Its first request cannot be written for its provider.
    """
    (last,) = deque(replay(conversation, ends), maxlen=1)
    if last.after.failed is not None:
        return End(last.after.failed, last, waits=False)
    if last.is_complete:
        return End(None, last, waits=False)
    pending = _pending(conversation, source)
    return End(None if pending is None else pending.ended, last, waits=True)


def _pending(conversation: Conversation, source: SpecSource) -> Amendment | None:
    """The amendment by which it is to be asked now."""
    amendments = source.amendments.of(conversation.thread_key, conversation.sample)
    return next((one for one in reversed(amendments) if one.of == source.generation), None)


class _Chooser:
    """Goes through a partition's conversations and says how each of the chosen is to be amended."""

    def __init__(self, source: SpecSource, history: History, ends: Ends, retry: Retry) -> None:
        self._source = source
        self._history = history
        self._ends = ends
        self._retry = retry
        self.ends = Counter[str]()
        self.chosen = 0
        self.refused = Counter[str]()

    def amended(self) -> Iterator[tuple[Conversation, Mapping[str, Any]]]:
        for _, conversation in read_conversations(self._source):
            if conversation is None:
                continue
            try:
                end = end_of(conversation, self._source, self._ends)
            except Unsupported:
                continue  # no request of it was ever sent
            if end.error is None:
                continue
            self.ends[end.error] += 1
            if end.error not in self._retry.classes:
                continue
            try:
                how = self._how(conversation, end)
            except Unsupported as exc:
                self.refused[str(exc)] += 1
                continue
            self.chosen += 1
            if how is not None:
                yield conversation, how

    def _how(self, conversation: Conversation, end: End) -> Mapping[str, Any] | None:
        """What its amendment says; None where it needs none."""
        if self._retry.config:
            before = conversation.thread.llm_config
            config = fitted({name: getattr(before, name) for name in CONFIG_COLUMNS}, self._retry.config)
            pending = _pending(conversation, self._source) if end.waits else None
            if pending is not None and pending.request_key is None and not _changes(conversation, config):
                return None  # it waits for just that
            _must_be_writable(conversation, config)
            return {"request_key": None, "config": config, "ended": end.error}
        if end.waits or not self._history.is_settled(end.last.request):
            return None
        return {"request_key": self._first_of(end, conversation), "ended": end.error}

    def _first_of(self, end: End, conversation: Conversation) -> Any:
        """The request to begin again with: the last one, but of a loop that did not end its first."""
        if end.error != ErrorClass.MAX_STEPS:
            return end.last.request.key
        turn = end.last.request.conversation.turn
        return next(
            step.request.key
            for step in replay(conversation, self._ends)
            if step.request.conversation.turn == turn
        )


def _changes(conversation: Conversation, config: Mapping[str, Any]) -> bool:
    before = conversation.thread.llm_config
    return any(getattr(before, name) != value for name, value in config.items())


def _must_be_writable(conversation: Conversation, config: Mapping[str, Any]) -> None:
    """
    Raises:
        Unsupported: The conversation asks for more than the new model takes.
    """
    thread = conversation.thread
    at = thread.created_at
    other = thread.evolve(at=at, llm_config=thread.llm_config.evolve(at=at, **config))
    now = Conversation(
        thread_key=conversation.thread_key,
        sample=conversation.sample,
        generation=conversation.generation,
        thread=other,
        upcoming=conversation.upcoming,
    )
    ready = next_request(now, at=at)
    if ready is not None:
        prepare(ready)
