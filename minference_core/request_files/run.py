"""
A file of requests, asked on the engine: each line once, each answer written as it comes.

What is durable is the journal's; the output is written from it, so that a run that was killed, stopped or
refused is taken up by the same command and pays for nothing twice.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Set
from contextlib import AsyncExitStack
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretStr

from minference_core.engine import (
    Admission,
    Draining,
    Engine,
    Gate,
    History,
    Journal,
    Lane,
    LaneLimits,
    Ledger,
    Progress,
    RunStats,
    Spending,
    Transport,
    Workers,
    opened_books,
    seldom_collected,
    telemetry,
)
from minference_core.errors import ConfigError, ErrorClass
from minference_core.providers import PROVIDERS
from minference_core.request_files.endpoints import CHAT, MESSAGES, Address, client_of, locate
from minference_core.request_files.lines import BadLine, Line, count_lines, read_lines
from minference_core.request_files.output import Output, bad_line, result_line
from minference_core.request_files.report import FileReport, Tally
from minference_core.request_files.request import FileRequest
from minference_core.request_files.resume import Again, check_files, journal_folder, resume

__all__ = ["guess_client", "run_request_file"]

_NO_LIMITS = LaneLimits()
_NO_BUDGET = Spending()
_LINES_TO_GUESS_FROM = 100


async def run_request_file(
    source: Path,
    target: Path,
    *,
    url: str,
    client: str | None = None,
    limits: LaneLimits = _NO_LIMITS,
    api_key: SecretStr | None = None,
    key_name: str | None = None,
    max_in_flight: int = 64,
    max_attempts: int | None = None,
    timeout_s: float = 600.0,
    simulated: bool = False,
    ledger: Ledger | None = None,
    spending: Spending = _NO_BUDGET,
    retry_errors: Set[ErrorClass] | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> FileReport:
    """
    Send every line of a file that has no answer yet, and write what comes of it to another.

    Args:
        source: Lines of `[metadata, request]`, of OpenAI's batch format, or both; see `lines.py`.
        target: Gets a line for each of them as it is settled; see `output.py`. Its journal is kept
            beside it and must stay there: it holds the answers.
        url: A base URL, or one endpoint in full for the lines that name none.
        client: Whose server that is; guessed from the URL and the lines if not said.
        limits: What the account allows.
        api_key: None where the server wants none.
        key_name: The variable that should hold the key, for messages.
        max_in_flight: Requests at once, if the limits do not say.
        max_attempts: How often one request is sent at most; by the kind of failure if not said.
        timeout_s: Seconds one request may take in all.
        simulated: Whether nobody real answers there; recorded with every attempt.
        ledger: What this run shares with others of limits and budgets; nothing when left out.
        spending: What it may spend.
        retry_errors: Of the lines that failed, the only ones that are asked again, settled or not.
        stop: When set, nothing more is sent, what is in flight is waited for, and the run ends.
        on_progress: Called twice a second on the event loop: keep it short.

    Raises:
        ConfigError: The files, the URL or the key are not what can be run; nothing was sent.
        JournalBusy: Another process is writing this output.
        JournalError: The journal cannot be read or written; everything so far is kept.
        LedgerError: The ledger cannot be reached; everything so far is kept.
        OutputError: The output cannot be written; everything so far is in the journal.
    """
    target = check_files(source, target)
    address = locate(url, client or guess_client(url, source))
    lane = _lane(address, limits, api_key, key_name, timeout_s=timeout_s, simulated=simulated)
    stop, tally, run_id = stop or asyncio.Event(), Tally(RunStats(prices=spending.prices)), uuid.uuid4().hex
    async with AsyncExitStack() as open_for_the_run:
        open_for_the_run.enter_context(seldom_collected())
        file = open_for_the_run.enter_context(_opened(source))
        journal = await open_for_the_run.enter_async_context(Journal(journal_folder(target), run_id))
        history = await asyncio.to_thread(History, journal_folder(target))
        tally.stats.total = await asyncio.to_thread(count_lines, file)
        again = Again(retry_errors)
        await asyncio.to_thread(resume, file, target, history, address, tally, source.name, again)
        output = open_for_the_run.enter_context(Output(target))
        transport = await open_for_the_run.enter_async_context(Transport(timeout_s=timeout_s))
        width = min(limits.max_in_flight or max_in_flight, max(1, tally.stats.total))
        ledger = ledger or open_for_the_run.enter_context(Ledger())
        purse = await open_for_the_run.enter_async_context(
            opened_books(ledger, journal_folder(target), run_id, spending)
        )
        gate = await open_for_the_run.enter_async_context(Gate(lane, ledger, max_in_flight=width))
        engine = Engine(
            lane, transport, journal, history, tally.stats, Admission(gate, purse, spending),
            run_id=run_id, stop=stop, max_attempts=max_attempts,
        )  # fmt: skip
        asker = _Asker(engine, history, output, tally, address, source.name, again)
        lines, workers = read_lines(file, address), Workers(stop)
        for _ in range(width):
            workers.add(engine, asker.ask_all(lines, stop))
        try:
            await workers.finish(lambda: on_progress(tally.stats.progress()))
        finally:
            await asyncio.to_thread(telemetry.flush)
    return tally.report()


def guess_client(url: str, source: Path) -> str:
    """Whose server a URL is: by itself, else by what the first lines ask of it; OpenAI's words if unsure."""
    if (known := client_of(url)) is not None:
        return known
    address = locate(url, "openai")
    with source.open("rb") as file:
        for line, _ in zip(read_lines(file, address), range(_LINES_TO_GUESS_FROM), strict=False):
            if isinstance(line, Line):
                return "anthropic" if _is_for_anthropic(line, address) else "openai"
    return "openai"


def _opened(source: Path) -> BinaryIO:
    """One handle for the whole run: whoever replaces the file meanwhile changes nothing for it."""
    return source.open("rb")


def _is_for_anthropic(line: Line, address: Address) -> bool:
    claude = str(line.request.get("model")).startswith("claude")
    unsaid = line.custom_id is None and address.endpoint is None
    return line.endpoint is MESSAGES or (claude and unsaid and line.endpoint is CHAT)


def _lane(
    address: Address,
    limits: LaneLimits,
    api_key: SecretStr | None,
    key_name: str | None,
    *,
    timeout_s: float,
    simulated: bool,
) -> Lane:
    """
    Raises:
        ConfigError: Nothing could be sent on it.
    """
    lane = Lane(
        client=address.client,
        base_url=address.base_url,
        api_key=api_key,
        key_name=key_name or PROVIDERS[address.client].key_variables[0],
        key_required=address.key_required,
        limits=limits,
        simulated=simulated,
        timeout_s=timeout_s,
    )
    if problem := lane.problem():
        raise ConfigError(problem)
    return lane


class _Asker:
    """Takes lines, asks the engine, writes down what comes of them."""

    def __init__(
        self,
        engine: Engine,
        history: History,
        output: Output,
        tally: Tally,
        address: Address,
        name: str,
        again: Again,
    ) -> None:
        self._engine = engine
        self._history = history
        self._output = output
        self._tally = tally
        self._address = address
        self._name = name
        self._again = again

    async def ask_all(self, lines: Iterator[Line | BadLine], stop: asyncio.Event) -> None:
        for line in lines:  # shared: each is taken by exactly one worker
            if stop.is_set():
                return
            if isinstance(line, BadLine):
                self._output.write(bad_line(line, self._name))
                self._tally.settle(line.number, line.code, line.problem)
            else:
                try:
                    await self._ask(FileRequest.of(line, self._address, self._name))
                except Draining:
                    return
            await asyncio.sleep(0)  # not every line waits for something, yet signals must be seen

    async def _ask(self, request: FileRequest) -> None:
        is_settled = self._history.is_settled(request) and request.key not in self._again.lines
        if is_settled or request.key in self._again.left:
            return  # it is in the output already
        attempt, meaning = await self._engine.ask(request)
        self._output.write(result_line(request, attempt, meaning, self._history.attempts(request)))
        error = None if meaning.reply is not None else meaning.error
        self._tally.settle(request.line.number, error, meaning.message)
