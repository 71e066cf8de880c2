"""
CPU per request of a whole run of conversations beside a bare loop on the same transport.

Bare is httpx's request and response straight on pyreqwest, as the engine uses them, and nothing else. The run
is `run_conversations` from specs and request table to the table of exchanges: reading and building, keys,
weighing, pacing, journal with its fsyncs, parsing, judging, and what the next turn sends. Both send the same
bodies to the same fast server (`fast_server.py`), which is a process of its own.

Each figure is this process's CPU time, all its threads together, over the number of requests: the better of
two rounds, in which bare and run take turns. A busy machine moves both alike: the ratio is what to read.

    .venv/bin/python benchmarks/engine_speed.py [requests] [rounds]
"""

import asyncio
import gc
import json
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from fast_server import fast_server
from pydantic import SecretStr

from minference_core.conversations import plan_requests, run_conversations
from minference_core.engine import Lane, Transport
from minference_core.errors import ErrorClass
from minference_core.providers import endpoint
from minference_core.requests import Attempt, PreparedRequest, RecordedResult, replay
from minference_core.specs import Partition, SpecDefaults, SpecSource, read_conversations

_IN_FLIGHT = (16, 64, 256, 1_024)
_MOST_TIMES = 2.5  # the bare transport
_LATENCY_MS = 20
_NOW = datetime(2026, 11, 16, tzinfo=UTC)
_WORDS = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12
_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"mood": {"type": "string"}, "urgency": {"type": "integer"}},
        "required": ["mood", "urgency"],
        "additionalProperties": False,
    }
)
_FOLLOW_UPS = ["And in German, please.", "Now as a subject line of an e-mail, at most eight words."]

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of conversation: what each row says besides its key, and how many requests it makes."""

    name: str
    of_row: Callable[[str], Spec]
    requests: int = 1


_TEXT = _Shape("text", lambda said: {"prompt": said})
_SHAPES = (
    _Shape(
        "structured_output",
        lambda said: {"prompt": said, "response_format": "structured_output", "output_schema": _SCHEMA},
    ),
    _Shape(
        "a forced call",
        lambda said: {"prompt": said, "response_format": "tool", "output_schema": _SCHEMA},
    ),
    _Shape("three turns", lambda said: {"user_turns": [said, *_FOLLOW_UPS]}, requests=3),
)


def main() -> None:
    requests, rounds = (int(value) for value in (sys.argv[1:] + ["3000", "2"][len(sys.argv) - 1 :]))
    print("ms of CPU per request, and how many times the bare transport")
    print(f"{'conversations':<18} {'in flight':>9} {'bare':>8} {'whole run':>10} {'on top':>8} {'ratio':>6}")
    over = []
    with tempfile.TemporaryDirectory() as folder, fast_server(_LATENCY_MS) as url:
        # What is loaded and cached once is nobody's cost per request.
        _Work(Path(folder) / "first", _TEXT, 200, url).measured(64, 1)
        for shape, in_flight in [*((_TEXT, n) for n in _IN_FLIGHT), *((shape, 256) for shape in _SHAPES)]:
            work = _Work(Path(folder) / str(in_flight), shape, requests, url)
            bare, run = work.measured(in_flight, rounds)
            ratio = run / bare
            over += [f"{work.name} at {in_flight}"] if ratio > _MOST_TIMES else []
            print(
                f"{work.name:<18} {in_flight:>9} {bare:>8.3f} {run:>10.3f} {run - bare:>8.3f} {ratio:>6.2f}",
                flush=True,
            )
    print(f"above {_MOST_TIMES} times: {', '.join(over) or 'none'}")


class _Work:
    """One shape's specs, request table and bodies, and the server that is asked."""

    def __init__(self, folder: Path, shape: _Shape, requests: int, url: str) -> None:
        self.name = shape.name
        self._folder = folder / shape.name.replace(" ", "_")
        self._lane = Lane(client="openai", base_url=url, api_key=SecretStr("sk-a-key-of-the-benchmark"))
        specs = self._folder / "specs"
        specs.mkdir(parents=True)
        rows = [
            {"thread_key": f"t{n}", **shape.of_row(f"Case {n}. {_WORDS}")}
            for n in range(requests // shape.requests)
        ]
        pl.DataFrame(rows).write_parquet(specs / "part-0.parquet")
        defaults = SpecDefaults(
            client="openai", model="gpt-4.1-mini", system_prompt="Be brief, and be exact."
        )
        self._source = SpecSource(Partition("bench", "2026-11-16", _NOW), specs, defaults)
        self._table = self._folder / "requests.parquet"
        plan_requests(self._source, self._table, journal=self._folder / "journal", limits={})
        self._bodies = _bodies(self._source, asyncio.run(_answer(self._lane, _any_body(self._source))))

    def measured(self, in_flight: int, rounds: int) -> tuple[float, float]:
        """Milliseconds of CPU per request: bare, and of the whole run."""
        count, tried = len(self._bodies), []
        for _ in range(rounds):
            bare = _cpu_ms(self._bare(in_flight)) / count
            tried.append((bare, _cpu_ms(self._run(in_flight)) / count))
        return min(bare for bare, _ in tried), min(run for _, run in tried)

    async def _bare(self, in_flight: int) -> None:
        bodies = iter(self._bodies)
        target = endpoint(self._lane.base_url, "/v1/chat/completions")
        headers = {
            "content-type": "application/json",
            "x-client-request-id": str(uuid4()),
            "authorization": "Bearer sk-a-key-of-the-benchmark",
        }
        async with Transport(timeout_s=60) as transport:

            async def worker() -> None:
                for body in bodies:
                    reply = await transport.post(target, headers, body)
                    assert reply.status == 200, reply.body

            await asyncio.gather(*(worker() for _ in range(in_flight)))

    async def _run(self, in_flight: int) -> None:
        journal = self._folder / f"journal-{uuid4().hex}"
        report = await run_conversations(
            self._source,
            requests=self._table,
            journal=journal,
            exchanges=journal.with_suffix(".parquet"),
            lanes={"openai": self._lane},
            run_id="bench",
            stop=asyncio.Event(),
            max_in_flight=in_flight,
        )
        assert report.complete == report.threads, report
        assert report.sent == len(self._bodies), report


def _any_body(source: SpecSource) -> bytes:
    _, conversation = next(read_conversations(source))
    assert conversation is not None
    return next(replay(conversation, _Answers(None))).request.body


def _bodies(source: SpecSource, answer: str) -> list[bytes]:
    """Everything that the run will send, later turns included."""
    threads = (conversation for _, conversation in read_conversations(source) if conversation is not None)
    return [step.request.body for thread in threads for step in replay(thread, _Answers(answer))]


async def _answer(lane: Lane, body: bytes) -> str:
    async with Transport(timeout_s=60) as transport:
        reply = await transport.post(endpoint(lane.base_url, "/v1/chat/completions"), {}, body)
        return reply.body.decode()


@dataclass(frozen=True, slots=True)
class _Answers:
    """The record of a run in which everything was answered alike, or of none."""

    body: str | None

    def settled(self, request: PreparedRequest, /) -> Attempt | None:
        if self.body is None:
            return None
        no_error: ErrorClass | None = None
        return Attempt(
            number=1,
            status=200,
            body=self.body,
            error=no_error,
            error_message=None,
            provider_request_id=None,
            first_sent_at=_NOW,
            finished_at=_NOW,
        )

    def results(self, request: PreparedRequest, /) -> Mapping[str, RecordedResult]:
        return {}


def _cpu_ms(work: Awaitable[None]) -> float:
    async def timed() -> float:
        before = _cpu_s()
        await work
        return (_cpu_s() - before) * 1000

    gc.collect()
    return asyncio.run(timed())


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
