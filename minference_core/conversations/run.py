"""
The only loop: turn rules and engine, many conversations at once.

Each lane has its own stream of conversations and its own workers, so a slow provider holds up
nobody else's; a conversation goes on as soon as its own answer is there.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from minference_core.conversations.findings import NotedFindings
from minference_core.conversations.kept import KEPT, NEVER_ASKED, keep, read_branches
from minference_core.conversations.planned import Planned, planned_conversations
from minference_core.conversations.reuse import NO_REUSE, Answers, Pool, Reuse
from minference_core.conversations.table import only_failures, planned_from, read_requests
from minference_core.conversations.tool_runs import Tools
from minference_core.engine import (
    GRACE_S,
    Admission,
    Draining,
    Engine,
    Gate,
    History,
    Journal,
    Lane,
    Ledger,
    Progress,
    RunReport,
    RunStats,
    Spending,
    Transport,
    Workers,
    opened_books,
    seldom_collected,
    telemetry,
    write_exchanges,
    write_metrics,
)
from minference_core.errors import ErrorClass, PlanOutdated, Unsupported
from minference_core.requests import (
    Answer,
    Attempt,
    Meaning,
    PlannedRequest,
    PreparedRequest,
    known_results,
    prepare,
)
from minference_core.specs import SpecSource, read_conversations
from minference_core.threads import Conversation, next_request

__all__ = ["run_conversations"]

_NO_BUDGET = Spending()
log = logging.getLogger(__name__)


async def run_conversations(
    source: SpecSource,
    *,
    requests: Path,
    journal: Path,
    exchanges: Path,
    lanes: Mapping[str, Lane],
    run_id: str,
    stop: asyncio.Event,
    ledger: Ledger | None = None,
    spending: Spending = _NO_BUDGET,
    metrics: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    max_in_flight: int = 64,
    tool_timeout_s: float | None = None,
    grace_s: float = GRACE_S,
    reuse: Reuse = NO_REUSE,
) -> RunReport:
    """
    Hold every conversation of the request table that is not at its end yet, and record all of it.

    Args:
        source: The specs the table was made from.
        requests: The request table.
        journal: The partition's journal folder.
        exchanges: Where the table of attempts goes, unless the run is stopped.
        lanes: By client; every client of the table must be there.
        run_id: Stored with every attempt.
        stop: When set, nothing more is sent, what is in flight is waited for, and the run ends.
        ledger: What this run shares with others of limits and budgets; nothing when left out.
        spending: What it may spend.
        metrics: Where the table of what the run did over time goes, however the run ends.
        on_progress: Called twice a second on the event loop: keep it short.
        max_in_flight: Requests at once on a lane that does not say itself.
        tool_timeout_s: Seconds that one call of a tool may take.
        grace_s: Seconds a stop waits for answers; later ones are marked uncertain.
        reuse: Whose answers to the same requests are taken over.

    Raises:
        PlanOutdated: Specs or defaults are not those of the table.
        JournalBusy: Another process is running this partition.
        JournalError: The journal cannot be read or written; everything so far is kept.
        LedgerError: The ledger cannot be reached; everything so far is kept.
    """
    if planned_from(requests) != source.fingerprint():
        raise PlanOutdated(f"{requests} was made from other specs or defaults: materialize requests again")
    stats, findings = RunStats(prices=spending.prices), NotedFindings()
    async with AsyncExitStack() as open_for_the_run:
        open_for_the_run.enter_context(seldom_collected())
        open_for_the_run.callback(findings.close)
        book = await open_for_the_run.enter_async_context(Journal(journal, run_id))
        await open_for_the_run.enter_async_context(_measured(stats, metrics, source, run_id))
        history = await asyncio.to_thread(History, journal)
        unasked = NEVER_ASKED | KEPT if only_failures(requests) else NEVER_ASKED
        clients = await asyncio.to_thread(_clients, requests, unasked)
        stats.total = clients.total()
        if unasked >= KEPT:
            rest = _kept(source, requests)
            await asyncio.to_thread(keep, rest, journal, history, stats, findings.note_step)
        key = source.partition.key
        pool = await asyncio.to_thread(Pool, reuse, requests, history, key, run_id)
        open_for_the_run.callback(pool.close)
        workers = Workers(stop, grace_s)
        ledger = ledger or open_for_the_run.enter_context(Ledger())
        purse = await open_for_the_run.enter_async_context(opened_books(ledger, journal, run_id, spending))
        for client in sorted(clients):
            lane = lanes[client]
            transport = await open_for_the_run.enter_async_context(Transport(timeout_s=lane.timeout_s))
            width = min(lane.limits.max_in_flight or max_in_flight, clients[client])
            gate = await open_for_the_run.enter_async_context(Gate(lane, ledger, max_in_flight=width))
            admission = Admission(gate, purse, spending)
            engine = Engine(lane, transport, book, history, stats, admission, run_id=run_id, stop=stop)
            tools = Tools(engine, book, run_id, tool_timeout_s)
            answers = Answers(engine, lane, book, history, stats, pool, run_id)
            holder = _Holder(answers, tools, history, stats, findings, stop)
            stream = planned_conversations(source, requests, client, unasked=unasked)
            for _ in range(width):
                workers.add(engine, holder.hold_all(stream))
        await workers.finish(lambda: on_progress(stats.progress()))
        stopped, attempts, tool_runs, tool_failures = stats.done < stats.total, 0, 0, 0
        if not stopped:
            attempts, tool_runs, tool_failures = await asyncio.to_thread(
                write_exchanges,
                journal,
                exchanges,
                findings,
                generation=source.generation,
                prices=spending.prices,
            )
    return stats.report(stopped=stopped, attempts=attempts, tool_runs=tool_runs, tool_failures=tool_failures)


@asynccontextmanager
async def _measured(
    stats: RunStats, target: Path | None, source: SpecSource, run_id: str
) -> AsyncIterator[None]:
    """Keeps what a run did over time, once it has ended in whichever way; that it cannot is no failure."""
    try:
        yield
    finally:
        if target is not None:
            try:
                write_metrics(
                    target,
                    stats.timeline,
                    dataset=source.partition.dataset,
                    partition=source.partition.key,
                    run_id=run_id,
                    started_at=stats.started_at,
                    simulated=stats.simulated,
                )
            except OSError:
                log.exception("the metrics of this run could not be written")
        await asyncio.to_thread(telemetry.flush)


def _clients(requests: Path, unasked: Set[str]) -> Counter[str]:
    """How many conversations are to be held, by client."""
    rows = read_requests(requests, ["client", "state"])
    return Counter(row["client"] for row in rows if row["state"] not in unasked)


def _kept(source: SpecSource, requests: Path) -> Iterator[Conversation]:
    """The conversations that a run of some failures leaves as they are."""
    rows = read_requests(requests, ["state", "thread_id"])
    for row, (_, conversation) in zip(rows, read_conversations(source), strict=True):
        if row["thread_id"] != (str(conversation.thread.id) if conversation else None):
            raise PlanOutdated(
                f"{source.folder} changed while it was being asked: materialize requests again"
            )
        if conversation is not None and row["state"] in KEPT:
            yield conversation


@dataclass(slots=True)
class _Held:
    """What has come of a conversation so far."""

    replies: int = 0
    asked: bool = False  # whether anything was sent for it


class _Holder:
    """Holds one lane's conversations, each from where its journal left it."""

    def __init__(
        self,
        answers: Answers,
        tools: Tools,
        history: History,
        stats: RunStats,
        findings: NotedFindings,
        stop: asyncio.Event,
    ) -> None:
        self._answers = answers
        self._tools = tools
        self._history = history
        self._stats = stats
        self._findings = findings
        self._stop = stop

    async def hold_all(self, stream: Iterator[Planned]) -> None:
        for planned in stream:  # shared: each is taken by exactly one worker
            if self._stop.is_set():
                return
            try:
                await self._hold(planned)
            except Draining:
                return
            if planned.is_amended:
                read_branches(planned.begun(), self._history, self._findings.note_step)
            await asyncio.sleep(0)  # a replay never waits for anything, yet progress and signals must be seen

    async def _hold(self, planned: Planned) -> None:
        """Hold a conversation to its end; one that is over with its first reply is never made."""
        request: PreparedRequest = planned.request
        more_turns, held = planned.request.more_turns, _Held()
        while True:
            attempt, meaning = await self._answered(request, held)
            answer = Answer.of(request, attempt, meaning)
            ending = answer.ending(more_turns=more_turns)
            if ending is not None:
                if (verdict := ending.verdict) is not None:
                    self._findings.note(request.name, verdict.error, verdict.message)
                held.replies += ending.verdict is not None
                self._settle(held, ending.failed)
                return
            if isinstance(request, PlannedRequest):
                answer = replace(answer, request=planned.own_request())
            step = answer.step(await self._tools.run(answer, known_results(answer, self._history)))
            held.replies += step.reply_message is not None
            ready = next_request(step.after, at=datetime.now(UTC))
            try:
                following = None if ready is None else prepare(ready)
            except Unsupported as exc:
                step, following = step.ended_by(exc), None
            self._findings.note_step(step)
            if following is None:
                self._settle(held, step.after.failed)
                return
            request, more_turns = following, bool(following.conversation.upcoming)

    async def _answered(self, request: PreparedRequest, held: "_Held") -> tuple[Attempt, Meaning | None]:
        """The answer to a request: the one on record, or else the one that is asked for, read already."""
        attempt = self._history.settled(request)
        if attempt is not None:
            return attempt, None
        given = await self._answers.to(request)
        held.asked |= given.sent
        return given.attempt, given.meaning

    def _settle(self, held: "_Held", failed: ErrorClass | None) -> None:
        self._stats.done += 1
        self._stats.replies += held.replies
        self._stats.skipped += not held.asked
        if failed is None:
            self._stats.complete += 1
        else:
            self._stats.failures[failed] += 1
