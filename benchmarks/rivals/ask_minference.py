"""This project's engine: `file` sends requests as they are, `conversations` makes them from thread specs."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
from asking import Task, measured, read_task
from pydantic import SecretStr

from minference_core.conversations import plan_requests, run_conversations
from minference_core.engine import Lane, LaneLimits
from minference_core.request_files import run_request_file
from minference_core.specs import Partition, SpecDefaults, SpecSource

_KEY = SecretStr("sk-bench")


def _file(task: Task) -> Callable[[], int]:
    def work() -> int:
        report = asyncio.run(
            run_request_file(
                task.bodies.with_suffix(".lines.jsonl"),
                task.folder / "out.jsonl",
                url=task.url,
                client="openai",
                limits=LaneLimits(requests_per_minute=task.rpm),
                api_key=_KEY,
                max_in_flight=task.in_flight,
            )
        )
        return report.answered

    return work


def _conversations(task: Task) -> Callable[[], int]:
    specs = task.folder / "specs"
    specs.mkdir()
    rows = [{"thread_key": f"t{n}", "prompt": prompt} for n, prompt in enumerate(task.prompts())]
    pl.DataFrame(rows).write_parquet(specs / "part-0.parquet")
    partition = Partition("bench", "2026-11-16", datetime(2026, 11, 16, tzinfo=UTC))
    source = SpecSource(partition, specs, SpecDefaults(client="openai", model=task.model))
    requests, journal = task.folder / "requests.parquet", task.folder / "journal"
    plan_requests(source, requests, journal=journal, limits={})
    limits = LaneLimits(requests_per_minute=task.rpm)

    def work() -> int:
        report = asyncio.run(
            run_conversations(
                source,
                requests=requests,
                journal=journal,
                exchanges=task.folder / "exchanges.parquet",
                lanes={"openai": Lane(client="openai", base_url=task.url, api_key=_KEY, limits=limits)},
                run_id="bench",
                stop=asyncio.Event(),
                max_in_flight=task.in_flight,
            )
        )
        return report.complete

    return work


if __name__ == "__main__":
    measured({"file": _file, "conversations": _conversations}[sys.argv[1]](read_task()))
