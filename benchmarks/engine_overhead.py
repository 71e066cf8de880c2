"""
CPU per request of the engine, journal and all, beside a bare loop on the same transport.

Both send the same bodies to the same simulator, which runs in a process of its own; each figure is
this process's CPU time, so a busy machine moves both alike and the ratio is what to read.

    .venv/bin/python benchmarks/engine_overhead.py [requests] [in flight]
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from minference_core.conversations import plan_requests, read_requests, run_conversations
from minference_core.engine import Lane, Transport
from minference_core.providers import endpoint
from minference_core.specs import Partition, SpecDefaults, SpecSource

_LATENCY_MS = 50


def main() -> None:
    count, in_flight = (int(value) for value in (sys.argv[1:] + ["5000", "128"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        source = _specs(data, count)
        plan_requests(source, data / "requests.parquet", journal=data / "journal", limits={})
        simulator, url = _start_simulator()
        try:
            bare = _cpu_ms(_bare(data, url, in_flight)) / count
            engine = _cpu_ms(_engine(data, source, url, in_flight)) / count
        finally:
            simulator.terminate()
            simulator.wait()
    print(f"{count} requests, {in_flight} in flight, {_LATENCY_MS} ms latency")
    print(f"bare loop on the transport   {bare:6.2f} ms CPU per request   1.0")
    print(f"engine with its journal      {engine:6.2f} ms CPU per request   {engine / bare:.1f}")


def _specs(data: Path, count: int) -> SpecSource:
    folder = data / "specs"
    folder.mkdir()
    words = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12
    rows = [{"thread_key": f"t{n}", "prompt": f"Case {n}. {words}"} for n in range(count)]
    pl.DataFrame(rows).write_parquet(folder / "part-0.parquet")
    partition = Partition("bench", "2026-11-16", datetime(2026, 11, 16, tzinfo=UTC))
    return SpecSource(partition, folder, SpecDefaults(client="openai", model="gpt-4.1-mini"))


def _start_simulator() -> "tuple[subprocess.Popen[str], str]":
    command = [str(Path(sys.executable).with_name("minference")), "simulate", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--latency-ms", str(_LATENCY_MS)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, next(word for word in line.split() if word.startswith("http")).rstrip(".,;")


async def _bare(data: Path, url: str, in_flight: int) -> None:
    bodies = (row["body"].encode() for row in read_requests(data / "requests.parquet", ["body"]))
    target = endpoint(url, "/v1/chat/completions")
    headers = {"content-type": "application/json", "authorization": "Bearer sk-bench"}
    async with Transport(timeout_s=60) as transport:

        async def worker() -> None:
            for body in bodies:
                reply = await transport.post(target, headers, body)
                assert reply.status == 200, reply.body

        await asyncio.gather(*(worker() for _ in range(in_flight)))


async def _engine(data: Path, source: SpecSource, url: str, in_flight: int) -> None:
    report = await run_conversations(
        source,
        requests=data / "requests.parquet",
        journal=data / "journal",
        exchanges=data / "exchanges.parquet",
        lanes={"openai": Lane(client="openai", base_url=url, api_key=SecretStr("sk-bench"))},
        run_id="bench",
        stop=asyncio.Event(),
        max_in_flight=in_flight,
    )
    assert report.complete == report.threads, report


def _cpu_ms(work: Awaitable[None]) -> float:
    async def timed() -> float:
        before = _cpu_s()
        await work
        return (_cpu_s() - before) * 1000

    started = time.monotonic()
    spent = asyncio.run(timed())
    print(f"  ({time.monotonic() - started:.1f} s on the clock)")
    return spent


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
