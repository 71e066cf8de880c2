"""
What part of the engine's CPU the ledger takes, and how often it is asked: near a limit of 6,000 requests a
minute and at full speed under limits that are never met, by one process and by four that share them.

The ledger's CPU is that of its thread (SQL, SQLite and its log), and on the event loop what it takes to hand
over a question. Opening it is counted apart, as it happens once. The engine's CPU is the whole process's,
from first to last, in the cheapest way to use it: a file of requests, asked of `fast_server.py`.

    .venv/bin/python benchmarks/ledger_cost.py [seconds near the limit] [requests at full speed]
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from fast_server import fast_server
from pydantic import SecretStr
from surroundings import clean_environment

from minference_core.engine import LaneLimits, Ledger
from minference_core.request_files import run_request_file

T = TypeVar("T")
Limits = dict[str, int]

_RPM = 6_000
_LARGE = {"requests_per_minute": 10_000_000, "tokens_per_minute": 10_000_000_000}
_MOST = 0.02
_IN_FLIGHT = 128
_WORDS = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12


class _Watched(Ledger):
    """A ledger that counts what it is asked, and what that takes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.opening_s = 0.0
        self.transactions = 0
        self.cpu_s = 0.0

    async def _ask(self, work: Callable[[sa.Connection], T]) -> T:
        before = time.thread_time()
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        self.cpu_s += time.thread_time() - before
        return await asked

    def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        before = time.thread_time()
        try:
            return super()._transact(work)
        finally:
            took = time.thread_time() - before
            self.transactions += 1
            if self.transactions == 1:
                self.opening_s = took
            else:
                self.cpu_s += took


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        source, ledger, url, limits = sys.argv[2:]
        print(json.dumps(asyncio.run(_ask(Path(source), ledger, url, json.loads(limits)))))
        return
    seconds, requests = (int(value) for value in (sys.argv[1:] + ["6", "4000"][len(sys.argv) - 1 :]))
    work: list[tuple[str, Limits, int]] = [
        (f"{_RPM} a minute", {"requests_per_minute": _RPM}, seconds * _RPM // 60),
        ("full speed", _LARGE, requests),
    ]
    print(
        f"{'':<15} {'processes':>9} {'CPU a request':>14} {'ledger':>8} {'questions/s':>12} {'a request':>10}"
    )
    with fast_server(latency_ms=50) as url:
        shares = [_measured(*each, url, processes) for each in work for processes in (1, 4)]
    print(f"at most {max(shares):.2%} ({_MOST:.0%} are promised)")


def _measured(name: str, limits: Limits, count: int, url: str, processes: int) -> float:
    """The ledger's part of the engines' CPU."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = f"sqlite:///{folder}/ledger.sqlite"
        children = []
        for number in range(processes):
            source = Path(folder) / f"in-{number}.jsonl"
            _write(source, count // processes)
            command = [sys.executable, __file__, "--child", str(source), ledger, url, json.dumps(limits)]
            children.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()))
        found = [json.loads(child.communicate()[0].splitlines()[-1]) for child in children]
    cpu_s, ledger_s, asked = (sum(each[what] for each in found) for what in ("cpu_s", "ledger_s", "asked"))
    sent = sum(each["requests"] for each in found)
    per_s = sum(each["asked"] / each["seconds"] for each in found)
    print(
        f"{name:<15} {processes:>9} {cpu_s / sent * 1000:>11.3f} ms {ledger_s / cpu_s:>8.2%} {per_s:>12.1f}"
        f" {asked / sent:>10.4f}   {ledger_s / asked * 1000:.2f} ms each, opening"
        f" {sum(each['opening_s'] for each in found) / processes * 1000:.0f} ms",
        flush=True,
    )
    return float(ledger_s / cpu_s)


def _write(source: Path, count: int) -> None:
    with source.open("w") as file:
        for n in range(count):
            messages = [{"role": "user", "content": f"Case {n}. {_WORDS}"}]
            body = {"model": "gpt-4.1-mini", "max_tokens": 100, "messages": messages}
            file.write(json.dumps([{"id": n}, body]) + "\n")


async def _ask(source: Path, ledger_url: str, url: str, limits: Limits) -> dict[str, Any]:
    with _Watched(ledger_url) as ledger:
        before, started = _cpu_s(), time.monotonic()
        report = await run_request_file(
            source,
            source.with_suffix(".out.jsonl"),
            url=url,
            client="openai",
            limits=LaneLimits(**limits),
            api_key=SecretStr("sk-bench"),
            max_in_flight=_IN_FLIGHT,
            ledger=ledger,
        )
        return {
            "requests": report.answered,
            "seconds": time.monotonic() - started,
            "cpu_s": _cpu_s() - before - ledger.opening_s,
            "ledger_s": ledger.cpu_s,
            "asked": ledger.transactions,
            "opening_s": ledger.opening_s,
        }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
