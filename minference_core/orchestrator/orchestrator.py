"""InferenceOrchestrator: many threads asked side by side, each brought one reply further."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minference_core.engine import (
    Draining,
    Engine,
    Lane,
    LaneLimits,
    Settled,
    Spending,
    Workers,
    environment,
)
from minference_core.entities import EntityRegistry
from minference_core.errors import ErrorClass
from minference_core.orchestrator.bar import progress_bar
from minference_core.orchestrator.limits import DEFAULT_LIMITS, RequestLimits, lane_limits
from minference_core.orchestrator.session import Session, Sessions
from minference_core.orchestrator.turn import Turn, failed, version_of
from minference_core.requests import ProcessedOutput
from minference_core.threads import ChatThread, Client

__all__ = ["InferenceOrchestrator"]

log = logging.getLogger(__name__)

# Requests at once on a lane that does not say itself.
_MAX_IN_FLIGHT = 64
# As long as a request may take; a tool that hangs must not hold up its batch for ever.
_TOOL_TIMEOUT_S = 600.0
_LOOKS_UP_S = 0.1
_NO_BUDGET = Spending()


class InferenceOrchestrator:
    """
    Asks all five providers, within their limits, with the keys and addresses of the environment.

    One orchestrator is one budget of requests and tokens per minute and provider, whichever runs share it:
    make one and keep it. `.env` in the working directory is read; exported variables win over it.
    """

    def __init__(
        self,
        oai_request_limits: RequestLimits | None = None,
        anthropic_request_limits: RequestLimits | None = None,
        vllm_request_limits: RequestLimits | None = None,
        litellm_request_limits: RequestLimits | None = None,
        openrouter_request_limits: RequestLimits | None = None,
        local_cache: bool = True,  # noqa: FBT001, FBT002 (the original's call)
        cache_folder: str | Path | None = None,
        *,
        lanes: Mapping[str, Lane] | None = None,
        max_in_flight: int = _MAX_IN_FLIGHT,
        tool_timeout_s: float | None = _TOOL_TIMEOUT_S,
        show_progress: bool | None = None,
        spending: Spending = _NO_BUDGET,
    ) -> None:
        """
        Args:
            oai_request_limits: OpenAI's; 500 requests and 200,000 tokens a minute when left out.
            anthropic_request_limits: 50 and 40,000.
            vllm_request_limits: 500 and 200,000.
            litellm_request_limits: 500 and 200,000.
            openrouter_request_limits: 50 and 40,000.
            local_cache: Keep the journals of what was answered; without it they go when a run is over.
            cache_folder: Where they are; `library` in the data folder (`MINFERENCE_DATA`, else `data`)
                when left out. They hold answers, never a key.
            lanes: Accounts by client in place of those of the environment and the limits above.
            max_in_flight: Requests at once and provider, where its limits do not say.
            tool_timeout_s: Seconds that a tool may take before its call has failed. A function of this
                process that is not async goes on in its thread, unheard; one from source is stopped.
            spending: Budgets that no run may exceed, and prices of your own.
            show_progress: A progress bar on stderr; only on a terminal when left out.
        """
        given: dict[Client, RequestLimits | None] = {
            "openai": oai_request_limits,
            "anthropic": anthropic_request_limits,
            "vllm": vllm_request_limits,
            "litellm": litellm_request_limits,
            "openrouter": openrouter_request_limits,
        }
        for limit in given.values():
            if not isinstance(limit, RequestLimits | None):
                raise TypeError(f"limits are RequestLimits(…), not {limit!r}")
        environment.load_env_file(Path.cwd())
        self.request_limits = {client: limits or _default(client) for client, limits in given.items()}
        limits: dict[str, LaneLimits] = {
            client: lane_limits(one) for client, one in self.request_limits.items()
        }
        self.local_cache = local_cache
        self.cache_folder = Path(cache_folder) if cache_folder is not None else _default_folder()
        self._sessions = Sessions(
            lanes or environment.lanes(limits),
            self.cache_folder,
            keep=local_cache,
            max_in_flight=max_in_flight,
            ledger_url=environment.ledger_url(_data_folder()),
            spending=spending,
        )
        self._tool_timeout_s = tool_timeout_s
        self._show_progress = show_progress

    @property
    def journal_folder(self) -> Path:
        """Where this orchestrator's answers are journaled; `parse_results_file` reads them."""
        return self._sessions.folder

    async def run_parallel_ai_completion(self, chat_threads: Sequence[ChatThread]) -> list[ProcessedOutput]:
        """
        Ask for the next reply of each thread, run the tools it calls, and bring the threads to where
        they are then, in place.

        A thread that cannot be asked, or whose answer is not what it asked for, has an outcome that says
        so, and costs the others nothing. One to which nothing was answered is as it was, and can be run
        again. A thread that is listed twice is asked twice, and holds the later one's answer; so it is with
        one in two runs at once. What is asked is what the threads say when this is called.

        Cancelled, it sends nothing more and waits up to a minute for what is on its way.

        Args:
            chat_threads: Warm threads; the list itself is not touched.

        Returns:
            One outcome for each, in their order.

        Raises:
            JournalError: Answers cannot be written down, so nothing more is sent; threads that were
                answered until then are updated.
            TypeError: The list holds something that is no thread.
        """
        threads = list(chat_threads)
        for place, thread in enumerate(threads):
            if not isinstance(thread, ChatThread):
                raise TypeError(f"chat_threads[{place}] is not a ChatThread but {thread!r}")
        async with self._sessions.use() as session:
            run = _Run(session, threads, self._tool_timeout_s)
            with progress_bar(len(threads), shown=self._show_progress) as tick:
                await run.finish(lambda: tick(run.done, run.failures, run.cost_usd))
        return run.outcomes()

    def run(self, chat_threads: Sequence[ChatThread]) -> list[ProcessedOutput]:
        """
        `run_parallel_ai_completion` for code that is not asynchronous; it may be called in a notebook, too.

        Ctrl-C sends nothing more, waits for what is on its way, and is then raised.
        """
        found: list[list[ProcessedOutput] | BaseException] = []
        running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[object]]] = []
        context, ended, given_up = contextvars.copy_context(), threading.Event(), threading.Event()

        async def asked() -> list[ProcessedOutput]:
            if (task := asyncio.current_task()) is not None:
                running.append((asyncio.get_running_loop(), task))
                if given_up.is_set():
                    task.cancel()
            return await self.run_parallel_ai_completion(chat_threads)

        def work() -> None:
            try:
                found.append(context.run(asyncio.run, asked()))
            except BaseException as exc:  # noqa: BLE001 (raised again where it was asked for)
                found.append(exc)
            ended.set()

        # A thread of its own, as the caller's may have a loop that is running. It is not joined: a join that
        # Ctrl-C interrupts takes the thread for ended (bpo-45274).
        threading.Thread(target=work, name="minference-run").start()
        try:
            _wait_for(ended)
        except BaseException:
            given_up.set()  # before it looks who is running: whoever begins later sees it
            for loop, task in running:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(task.cancel)
            _wait_for(ended)
            raise
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]


@dataclass(frozen=True, slots=True)
class _Listed:
    """One place in the caller's list."""

    place: int
    thread: ChatThread
    given: ChatThread  # the version that it was when the run began
    nth: int  # how often that version has been listed before


class _Run:
    """One call: who is still to be asked, and what came of the others."""

    def __init__(self, session: Session, threads: Sequence[ChatThread], tool_timeout_s: float | None) -> None:
        self._session = session
        self._tool_timeout_s = tool_timeout_s
        self._threads = threads
        self._stop = asyncio.Event()
        self._outcomes: list[ProcessedOutput | None] = [None] * len(threads)
        self.done = 0
        self.failures = 0
        self.cost_usd = 0.0

    async def finish(self, tick: Callable[[], None]) -> None:
        workers = Workers(self._stop)
        for client, listed in self._by_client().items():
            engine = self._session.engine(client, self._stop)
            todo = iter(listed)
            for _ in range(min(self._session.widths[client], len(listed))):
                workers.add(engine, self._work(engine, todo))
        working = asyncio.create_task(workers.finish(tick))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stop.set()  # nothing more is sent; what has been is waited for, as it is paid
            await working
            raise

    def outcomes(self) -> list[ProcessedOutput]:
        stopped = "the run was stopped before this thread was asked"
        return [
            failed(thread, ErrorClass.CONNECTION, stopped) if outcome is None else outcome
            for thread, outcome in zip(self._threads, self._outcomes, strict=True)
        ]

    def _by_client(self) -> dict[str, list[_Listed]]:
        """Who is to be asked; whoever cannot be has their outcome."""
        by_client: dict[str, list[_Listed]] = {}
        for place, thread in enumerate(self._threads):
            client = thread.llm_config.client
            try:
                EntityRegistry.register(thread)
            except (ValueError, TypeError, RecursionError) as exc:
                self._note(place, failed(thread, ErrorClass.BAD_REQUEST, f"an edit made it invalid: {exc}"))
                continue
            if thread.is_cold:
                why = "it is an immutable version: run a warm copy, EntityRegistry.get(id)"
                self._note(place, failed(thread, ErrorClass.BAD_REQUEST, why))
                continue
            if client not in self._session.lanes:
                self._note(place, failed(thread, ErrorClass.AUTH, f"there is no lane for {client}"))
                continue
            given = version_of(thread)
            by_client.setdefault(client, []).append(
                _Listed(place, thread, given, self._session.listed[given.id])
            )
            self._session.listed[given.id] += 1
        return by_client

    async def _work(self, engine: Engine, todo: Iterator[_Listed]) -> None:
        for listed in todo:  # shared: each is taken by exactly one worker
            now = Turn.begin(listed.thread, listed.given, listed.nth, self._session.prices)
            while isinstance(now, Turn):
                async with self._session.slots[now.request.client]:
                    try:
                        settled = await engine.ask(now.request)
                    except Draining:
                        return
                # A stop lets those be that have sent something: this one has to take in what it paid for.
                with engine.uninterrupted():
                    now = await self._taken_in(now, settled)
            self._note(listed.place, now)

    async def _taken_in(self, turn: Turn, settled: Settled) -> ProcessedOutput | Turn:
        try:
            return await turn.end(*settled, tool_timeout_s=self._tool_timeout_s)
        except Exception as exc:  # one thread's answer, however odd, must not cost the others theirs
            log.exception("an answer could not be taken into its thread")
            self._session.undelivered = True
            why = f"the answer is in the journal, but could not be taken into the thread: {exc!r}"
            return failed(turn.thread, ErrorClass.UNDECODABLE, why)

    def _note(self, place: int, outcome: ProcessedOutput) -> None:
        self._outcomes[place] = outcome
        self.done += 1
        self.failures += outcome.error is not None
        self.cost_usd += outcome.cost_usd or 0.0


def _wait_for(ended: threading.Event) -> None:
    """Until it is set, or Ctrl-C: with a handler like the one Polars puts in, that wakes nobody who waits."""
    while not ended.wait(_LOOKS_UP_S):
        pass


def _default(client: Client) -> RequestLimits:
    requests, tokens = DEFAULT_LIMITS[client]
    return RequestLimits(max_requests_per_minute=requests, max_tokens_per_minute=tokens, provider=client)


def _default_folder() -> Path:
    return _data_folder() / "library"


def _data_folder() -> Path:
    return Path(environment.said(environment.DATA_VARIABLE) or "data")
