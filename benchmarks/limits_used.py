"""
How much of a limit of 6,000 requests and 1.2 million tokens a minute is used, and how many 429s that costs:
by one process, and by four that share it.

The server is the judge: the share is of what it would have admitted in 60 s, which begin 2 s after its first
request, and its own sliding windows say whether there was ever more than the limit and the burst it declares.
Nine requests of ten are small, one is large; together they use up both limits. The processes find each other
as any do, by the data folder that they share.

    .venv/bin/python benchmarks/limits_used.py [seconds] [options of `minference simulate` ...]
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from surroundings import clean_environment, simulator, stats

from minference_core.engine import LaneLimits, Ledger, environment
from minference_core.request_files import run_request_file

_RPM, _TPM = 6_000, 1_200_000
_LATENCY_MS = 200
_LEAD_S = 2.0
_SMALL, _LARGE, _LARGE_ONE_IN = 80, 1_120, 10  # max_tokens
_IN_FLIGHT = 128


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        source, target, url = sys.argv[2:]
        asyncio.run(_ask(Path(source), Path(target), url))
        return
    seconds, options = int((sys.argv[1:2] or ["60"])[0]), sys.argv[2:]
    print(f"{_RPM} requests and {_TPM} tokens a minute, {_LATENCY_MS} ms latency, {seconds} s of it")
    for processes in (1, 4):
        _print(processes, _measured(processes, seconds, options))


def _print(processes: int, found: dict[str, Any]) -> None:
    print(f"{processes} {'process' if processes == 1 else 'processes sharing'}, {found['refused']} times 429")
    for kind, used in found["used"].items():
        meter, limit = found["admitted"][kind], found["limits"][kind]
        rate, burst = limit["per_minute"], max(limit["burst"], meter["largest"])
        print(
            f"  {kind:<9} {used:7.2%} used   most in 1 s: {meter['max_1s']} of {rate / 60 + burst:.0f}"
            f"   most in 60 s: {meter['max_60s']} of {rate + burst:.0f}"
        )


def _measured(processes: int, seconds: int, options: list[str]) -> dict[str, Any]:
    with ExitStack() as running:
        limits = ["--rpm", str(_RPM), "--tpm", str(_TPM), "--latency-ms", str(_LATENCY_MS)]
        url = running.enter_context(simulator(*limits, *options))
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        each = int((seconds + 15) * _RPM / 60 / processes * 1.2)
        children = [running.enter_context(_child(folder, number, each, url)) for number in range(processes)]
        while (began := stats(url)["first"]) is None:
            time.sleep(0.05)
        time.sleep(max(0.0, began + _LEAD_S - time.time()))
        before, started = _account(url), time.monotonic()
        time.sleep(seconds)
        after, took = _account(url), time.monotonic() - started
        assert any(child.poll() is None for child in children), "all of it was asked before the time was up"
        refused = stats(url)["by_status"].get("429", 0)
    used = {
        kind: (after["admitted"][kind]["total"] - before["admitted"][kind]["total"])
        / (limit["per_minute"] / 60 * took)
        for kind, limit in after["limits"].items()
    }
    return {**after, "used": used, "refused": refused}


@contextmanager
def _child(folder: Path, number: int, requests: int, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    source = folder / f"in-{number}.jsonl"
    with source.open("w") as file:
        for n in range(requests):
            most = _SMALL if (n + number) % _LARGE_ONE_IN else _LARGE
            message = {"role": "user", "content": f"Question {number}.{n}: why is the sea salty?"}
            body = {"model": "gpt-4.1-mini", "max_tokens": most, "messages": [message]}
            file.write(json.dumps([{"id": n}, body]) + "\n")
    command = [sys.executable, __file__, "--child", str(source), str(folder / f"out-{number}.jsonl"), url]
    child = subprocess.Popen(command, env=clean_environment(MINFERENCE_DATA=str(folder / "data")), cwd=folder)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


async def _ask(source: Path, target: Path, url: str) -> None:
    limits = LaneLimits(requests_per_minute=_RPM, tokens_per_minute=_TPM)
    with Ledger(environment.ledger_url(Path(os.environ["MINFERENCE_DATA"]))) as ledger:
        await run_request_file(
            source,
            target,
            url=url,
            client="openai",
            limits=limits,
            api_key=SecretStr("sk-bench"),
            max_in_flight=_IN_FLIGHT,
            ledger=ledger,
        )


def _account(url: str) -> dict[str, Any]:
    (account,) = stats(url)["accounts"].values()
    return dict(account)


if __name__ == "__main__":
    main()
