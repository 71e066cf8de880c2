"""
Specs to the request table: what is about to be sent, what it may cost, and what is done already.

Spends nothing and needs no key.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from minference_core import ids
from minference_core.conversations.retry import end_of
from minference_core.conversations.reuse import NO_REUSE, Reuse
from minference_core.conversations.sharing import Sharing
from minference_core.conversations.table import write_requests
from minference_core.engine import Ends, History, LaneLimits, seldom_collected
from minference_core.errors import ErrorClass
from minference_core.providers import Unsupported
from minference_core.requests import Estimate, Step, estimate, replay
from minference_core.specs import Generations, SpecRow, SpecSource, read_conversations
from minference_core.threads import Conversation

__all__ = ["Plan", "PlanLine", "plan_requests"]

_PREVIEW_ROWS = 8
_SHARED = "the same request as another conversation's, whose answer it is given"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What one model is about to be asked."""

    client: str
    model: str
    threads: int
    requests: int
    tokens: int
    cost_low_usd: Decimal
    cost_high_usd: Decimal
    unknown_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What materializing the answers would do.

    Tokens, dollars and minutes are of what is `new`, all turns of it. `prompt_tokens` is the least
    that is read (replies may be short), `max_output_tokens` the most that is written; `minutes` is
    how long the tightest limit makes it take at most, 0 without limits. What was never asked is `left`
    by a plan of failures only. `shared` conversations are given the answers of others: nothing is sent.
    """

    rows: int
    new: int
    answered: int
    failed: int
    invalid: int
    left: int = 0
    shared: int = 0
    requests: int
    unknown_price: int
    prompt_tokens: int
    max_output_tokens: int
    cost_low_usd: Decimal
    cost_high_usd: Decimal
    minutes: float
    by_model: tuple[PlanLine, ...]
    reasons: Mapping[str, int]
    preview: tuple[dict[str, Any], ...]


@seldom_collected()
def plan_requests(
    source: SpecSource,
    target: Path,
    *,
    journal: Path,
    limits: Mapping[str, LaneLimits],
    only: Set[ErrorClass] | None = None,
    reuse: Reuse = NO_REUSE,
) -> Plan:
    """
    Write the partition's request table and add it up.

    Args:
        source: The partition's specs.
        target: The request table, replaced as a whole.
        journal: The partition's journal folder; what it holds answers for is not new.
        limits: By client; a client that is not named has none.
        only: Ask again what ended in one of these classes, and nothing else.
        reuse: Whose answers to the same requests are taken over.

    Raises:
        SpecError: A file is missing, unreadable or empty.
        JournalError: A journal is damaged.
    """
    sums = _Sums()
    history = History(journal)
    ends = None if only is None else Ends(journal, history)
    sharing = Sharing(reuse, source, history)
    planner = _Planner(source, history, sums, only or frozenset(), ends, sharing)
    fingerprint = source.fingerprint()
    write_requests(target, planner.rows(), fingerprint=fingerprint, only_failures=only is not None)
    Generations(journal).note_plan(fingerprint)
    return sums.plan(limits)


@dataclass(frozen=True, slots=True)
class _Planner:
    """Makes the rows of the table, and adds them up."""

    source: SpecSource
    history: History
    sums: "_Sums"
    only: Set[ErrorClass]
    ends: Ends | None
    sharing: Sharing

    def rows(self) -> Iterator[dict[str, Any]]:
        for spec_row, conversation in read_conversations(self.source):
            row, ahead = self._planned(spec_row, conversation)
            self.sums.add(row, ahead)
            yield {**row, "file": spec_row.file, "row": spec_row.row, "spec_hash": spec_row.hash}

    def _planned(
        self, spec_row: SpecRow, conversation: Conversation | None
    ) -> tuple[dict[str, Any], Estimate | None]:
        """One row of the table, and the estimate of what is left of it to send."""
        if conversation is None:
            problem = spec_row.problem
            return {
                "thread_key": problem.thread_key if problem else None,
                "state": "invalid",
                "reason": problem.reason if problem else None,
            }, None
        row = _identity(conversation)
        try:
            first, last, count = _ends(replay(conversation, self.history))
        except Unsupported as exc:
            return {**row, "state": "invalid", "reason": str(exc)}, None
        ahead = estimate(last.request, prices=self.source.prices)
        row |= _first_request(first, last, ahead)
        state, reason = _state(last, count)
        if state == "new" and self.ends is not None:
            state, reason = self._chosen(conversation, self.ends, reason)
        if state == "new" and first.attempt is None and self.sharing.has_its_answers(first.request):
            state, reason = "shared", _SHARED
        return {**row, "state": state, "reason": reason}, ahead if state == "new" else None

    def _chosen(self, conversation: Conversation, ends: Ends, reason: str | None) -> tuple[str, str | None]:
        """What a run of some failures does with a conversation that any other would go on with."""
        end = end_of(conversation, self.source, ends)
        if end.error in self.only:
            return "new", f"asked again after {end.error}" + (f"; {reason}" if reason else "")
        if end.error is None or end.waits:
            return "left", "only failures are asked again"
        return "failed", f"{end.error}: {end.last.message}"


def _first_request(first: Step, last: Step, ahead: Estimate) -> dict[str, Any]:
    sent, wire = first.request.conversation, first.request.wire
    return {
        "generation": last.request.conversation.generation,
        "request_key": str(first.request.key),
        "in_thread_id": str(sent.thread.id),
        "url_path": wire.path,
        "headers": ids.json_text(dict(wire.headers)) if wire.headers else None,
        "body": first.request.body.decode(),
        "turn": sent.turn,
        "turns": last.after.turn + len(last.after.upcoming),
        "estimated_prompt_tokens": ahead.prompt_tokens,
        "most_prompt_tokens": ahead.most_prompt_tokens if last is first else None,
        "max_output_tokens": ahead.max_output_tokens,
        "cost_low_usd": ahead.cost_low_usd,
        "cost_high_usd": ahead.cost_high_usd,
    }


def _ends(steps: Iterator[Step]) -> tuple[Step, Step, int]:
    """First, last and number: all of a long conversation's bodies at once would be quadratic."""
    first = last = next(steps)
    count = 1
    for step in steps:
        last, count = step, count + 1
    return first, last, count


def _state(last: Step, count: int) -> tuple[str, str | None]:
    if last.after.failed is not None:
        return "failed", f"{last.error}: {last.message}"
    if last.waits_for_tools:
        return "new", f"replies on record: {count}; tools that the last one calls are still to be run"
    if last.attempt is not None:
        return "answered", None
    if count > 1:
        return "new", f"replies on record: {count - 1}"
    return "new", None


def _identity(conversation: Conversation) -> dict[str, Any]:
    thread = conversation.thread
    return {
        "thread_key": conversation.thread_key,
        "sample": conversation.sample,
        "generation": conversation.generation,
        "lineage_id": str(thread.lineage_id),
        "thread_id": str(thread.id),
        "client": thread.llm_config.client,
        "model": thread.llm_config.model,
    }


@dataclass(slots=True)
class _ModelSums:
    threads: int = 0
    requests: int = 0
    tokens: int = 0
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    unknown_price: int = 0


@dataclass(slots=True)
class _Sums:
    """The plan while the table is being written."""

    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0
    models: dict[tuple[str, str], _ModelSums] = field(default_factory=dict)
    preview: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: dict[str, Any], ahead: Estimate | None) -> None:
        self.states[row["state"]] += 1
        if row["reason"]:
            self.reasons[row["reason"]] += 1
        if len(self.preview) < _PREVIEW_ROWS:
            self.preview.append(row)
        if ahead is None:
            return
        self.prompt_tokens += ahead.all_prompt_tokens
        self.output_tokens += ahead.all_output_tokens
        sums = self.models.setdefault((row["client"], row["model"]), _ModelSums())
        sums.threads += 1
        sums.requests += ahead.requests
        sums.tokens += ahead.most_tokens
        sums.low += ahead.cost_low_usd or 0
        sums.high += ahead.cost_high_usd or 0
        sums.unknown_price += ahead.cost_high_usd is None

    def plan(self, limits: Mapping[str, LaneLimits]) -> Plan:
        lines = tuple(
            PlanLine(client, model, s.threads, s.requests, s.tokens, s.low, s.high, s.unknown_price)
            for (client, model), s in sorted(self.models.items())
        )
        return Plan(
            rows=self.states.total(),
            new=self.states["new"],
            answered=self.states["answered"],
            failed=self.states["failed"],
            invalid=self.states["invalid"],
            left=self.states["left"],
            shared=self.states["shared"],
            requests=sum(line.requests for line in lines),
            unknown_price=sum(line.unknown_price for line in lines),
            prompt_tokens=self.prompt_tokens,
            max_output_tokens=self.output_tokens,
            cost_low_usd=sum((line.cost_low_usd for line in lines), Decimal(0)),
            cost_high_usd=sum((line.cost_high_usd for line in lines), Decimal(0)),
            minutes=_minutes(lines, limits),
            by_model=lines,
            reasons=dict(self.reasons.most_common(20)),
            preview=tuple(self.preview),
        )


def _minutes(lines: tuple[PlanLine, ...], limits: Mapping[str, LaneLimits]) -> float:
    """Clients run side by side, so the slowest decides."""
    slowest = 0.0
    for client in {line.client for line in lines}:
        limit = limits.get(client, LaneLimits())
        requests = sum(line.requests for line in lines if line.client == client)
        tokens = sum(line.tokens for line in lines if line.client == client)
        slowest = max(
            slowest,
            requests / (limit.requests_per_minute or float("inf")),
            tokens / (limit.tokens_per_minute or float("inf")),
        )
    return slowest
