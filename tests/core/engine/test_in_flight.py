"""One request's way through the engine: counted while on it, on disk when it is over, sent again or not."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from minference_core.engine import (
    Admission,
    Engine,
    Gate,
    History,
    Journal,
    Lane,
    Ledger,
    Purse,
    RunStats,
    Spending,
    Transport,
)
from minference_core.engine.history import journal_files, read_journal
from minference_core.errors import ErrorClass
from minference_core.providers import WireRequest
from minference_core.requests import Attempt, Meaning, Weight
from minference_core.requests.outcome import interpret
from tests.core.hostile import http, server


class Asked:
    """A request, whole."""

    key, client, model, body = UUID(int=7), "openai", "gpt-4.1-mini", b"{}"
    name = UUID(int=8), UUID(int=7)
    wire = WireRequest("/v1/chat/completions", {}, {})
    weight = Weight(1, 1, 1, 1)
    journal_fields: Mapping[str, Any] = {}

    def authorization(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def interpret(self, attempt: Attempt) -> Meaning:
        return interpret(self.client, attempt)


@asynccontextmanager
async def opened(url: str, folder: Path, stats: RunStats) -> AsyncIterator[Engine]:
    """An engine that asks whoever is there, one at a time."""
    lane = Lane(client="openai", base_url=url, api_key=SecretStr("sk-nobody"))
    with Ledger() as ledger:
        async with (
            Journal(folder, "run") as journal,
            Transport(timeout_s=60) as transport,
            Purse(ledger, "run", []) as purse,
            Gate(lane, ledger, max_in_flight=1) as gate,
        ):
            admission, history = Admission(gate, purse, Spending()), History(folder)
            stop = asyncio.Event()
            yield Engine(
                lane, transport, journal, history, stats, admission, run_id="run", stop=stop, sleep=_at_once
            )


async def _at_once(_: float) -> None:
    """What is waited before another try."""


class Unreadable(Asked):
    def interpret(self, attempt: Attempt) -> Meaning:
        raise OverflowError("whatever it is")


def test_an_answer_that_cannot_be_read_at_all_is_on_disk_all_the_same(tmp_path: Path) -> None:
    async def ask(url: str) -> None:
        async with opened(url, tmp_path, RunStats()) as engine:
            await engine.ask(Unreadable())

    with server(lambda _: http('{"odd": 1}')) as (url, _), pytest.raises(OverflowError):
        asyncio.run(ask(url))

    records = [record for path in journal_files(tmp_path) for _, _, record in read_journal(path)]
    assert [record["kind"] for record in records] == ["intent", "outcome"]


def test_a_request_that_is_given_up_is_not_on_its_way_any_more(tmp_path: Path) -> None:
    asked, over, stats = threading.Event(), threading.Event(), RunStats()

    def hangs(_: bytes) -> bytes:
        asked.set()
        over.wait(60)
        return http("{}")

    async def given_up(url: str) -> tuple[dict[str, float], dict[str, float]]:
        async with opened(url, tmp_path, stats) as engine:
            task = asyncio.create_task(engine.ask(Asked()))
            await asyncio.to_thread(asked.wait, 60)
            before = stats.on_their_way()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return before, stats.on_their_way()

    with server(hangs) as (url, _):
        before, after = asyncio.run(given_up(url))
        over.set()

    assert before == {"openai": 1}
    assert after == {"openai": 0}
    assert stats.in_flight == 0


def test_patience_with_one_failure_leaves_the_tries_of_another(tmp_path: Path) -> None:
    statuses = [429] * 8 + [500] * 2 + [429] + [500] * 3 + [200]

    def answers(_: bytes) -> bytes:
        return http("{}", status=f"{statuses.pop(0)} Whatever", headers="retry-after: 0\r\n")

    async def ask(url: str) -> Meaning:
        async with opened(url, tmp_path, RunStats()) as engine:
            return (await engine.ask(Asked())).meaning

    with server(answers) as (url, seen):
        meaning = asyncio.run(ask(url))

    assert len(seen) == 15
    assert meaning.error is ErrorClass.UNDECODABLE  # the last, which is an answer
