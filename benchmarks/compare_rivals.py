"""
The same requests, asked by this project's engine and by its rivals, each in a process of its own.

First how much CPU and time they take before a server that costs nothing; then how much of a limit of 6,000
requests a minute each of them uses, and how many 429s it provokes, by the simulator's count over 20 s that
begin 2 s after its first request. Who is not here, or is not done in time, is said to be so.

    .venv/bin/python benchmarks/install_rivals.py
    .venv/bin/python benchmarks/compare_rivals.py [requests] [in flight]
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fast_server import fast_server
from known_rivals import RIVALS, Rival
from surroundings import simulator, stats

_LATENCY_MS = 50
_RPM = 6000
_LIMIT_LATENCY_MS = 500
_LIMIT_REQUESTS = 4000
_LEAD_S, _COUNTED_S = 2.0, 20.0
_PATIENCE_S = 180.0
_MODEL = "gpt-4"  # everybody knows how to count its tokens, and it takes every parameter
_WORDS = "Summarise what the customer wants in one sentence and say how urgent it sounds. " * 12


def main() -> None:
    count, in_flight = (int(value) for value in (sys.argv[1:] + ["1000", "256"][len(sys.argv) - 1 :]))
    here = [rival for rival in RIVALS if rival.absent() is None]
    print(f"{count} chat requests, {in_flight} in flight, {_LATENCY_MS} ms latency")
    baseline = 0.0
    for rival in here:
        took = _speed(rival, count, in_flight)
        if isinstance(took, str):
            print(f"{rival.name:<28} {took}")
            continue
        cpu_ms = took["cpu_s"] / count * 1000
        baseline = baseline or cpu_ms
        print(
            f"{rival.name:<28} {cpu_ms:7.2f} ms CPU a request {cpu_ms / baseline:6.1f} times"
            f" {count / took['seconds']:7.0f} requests/s {took['answers']:>6} answered"
        )
    print(f"\n{_RPM} requests a minute, {_LIMIT_LATENCY_MS} ms latency, {_COUNTED_S:.0f} s of it")
    for rival in here:
        print(f"{rival.name:<28} {_limits(rival, in_flight)}")
    for rival in RIVALS:
        if (reason := rival.absent()) is not None:
            print(f"{rival.name:<28} {reason}")


def _speed(rival: Rival, count: int, in_flight: int) -> dict[str, Any] | str:
    with fast_server(_LATENCY_MS) as url, _asked(rival, url, count, in_flight) as child:
        try:
            said, complaint = child.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return f"not done in {_PATIENCE_S:.0f} s"
    if child.returncode != 0:
        return f"failed: {(complaint.strip().splitlines() or ['no reason given'])[-1]}"
    return dict(json.loads(said.splitlines()[-1]))


def _limits(rival: Rival, in_flight: int) -> str:
    with (
        simulator("--rpm", str(_RPM), "--latency-ms", str(_LIMIT_LATENCY_MS)) as url,
        _asked(rival, url, _LIMIT_REQUESTS, in_flight, rpm=_RPM) as child,
    ):
        deadline = time.monotonic() + _PATIENCE_S
        while (began := stats(url)["first"]) is None:
            if child.poll() is not None or time.monotonic() > deadline:
                return "sent nothing"
            time.sleep(0.05)
        time.sleep(max(0.0, began + _LEAD_S - time.time()))
        before, started = stats(url), time.monotonic()
        time.sleep(_COUNTED_S)
        after, seconds = stats(url), time.monotonic() - started
        early = "" if child.poll() is None else "  (it ended before the time was up)"
    used = (_admitted(after) - _admitted(before)) / (_RPM / 60 * seconds)
    return f"{used:7.1%} of the limit used {after['by_status'].get('429', 0):>6} times 429{early}"


def _admitted(stats: dict[str, Any]) -> int:
    return sum(account["admitted"]["requests"]["total"] for account in stats["accounts"].values())


@contextmanager
def _asked(
    rival: Rival, url: str, count: int, in_flight: int, *, rpm: int | None = None
) -> Iterator["subprocess.Popen[str]"]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        bodies = _bodies(folder, count)
        (folder / "work").mkdir()
        task = {
            "url": url,
            "bodies": str(bodies),
            "in_flight": in_flight,
            "rpm": rpm,
            "folder": str(folder / "work"),
        }
        child = subprocess.Popen(
            [*rival.command(), json.dumps(task)],
            env=rival.environment(),
            cwd=folder,
            stdout=subprocess.PIPE if rpm is None else subprocess.DEVNULL,
            stderr=subprocess.PIPE if rpm is None else subprocess.DEVNULL,
            text=True,
        )
        try:
            yield child
        finally:
            child.kill()
            child.wait()


def _bodies(folder: Path, count: int) -> Path:
    """The requests, and beside them the same with metadata before each, as the engines for files want it."""
    bodies = folder / "bodies.jsonl"
    with bodies.open("w") as plain, bodies.with_suffix(".lines.jsonl").open("w") as lines:
        for n in range(count):
            messages = [{"role": "user", "content": f"Case {n}. {_WORDS}"}]
            body = json.dumps({"model": _MODEL, "messages": messages})
            plain.write(f"{body}\n")
            lines.write(f'[{{"id": {n}, "start_time": 0}}, {body}]\n')
    return bodies


if __name__ == "__main__":
    main()
