"""Real processes, quick to start: each is forked from one that has imported everything and done nothing."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import orjson

from minference_core.engine.history import journal_files, read_journal

__all__ = ["durable", "get_ready", "journal_records", "kill", "log_lines", "start", "was_killed"]

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pytest", "tests.e2e.one_partition", "tests.e2e.sharing"])


def get_ready() -> None:
    """What they are all forked from is there before the first of them is timed."""
    process = _PROCESSES.Process(target=print)
    process.start()
    process.join()


def start(work: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    process = _PROCESSES.Process(target=work, args=arguments)
    process.start()
    return process


def kill(processes: Iterable[ForkServerProcess]) -> None:
    """End them all, in whatever state they are."""
    for process in processes:
        process.kill()
        process.join()


def was_killed(process: ForkServerProcess) -> bool:
    return process.exitcode == -signal.SIGKILL


def journal_records(journal: Path) -> list[dict[str, Any]]:
    return [record for path in journal_files(journal) for _, _, record in read_journal(path)]


def durable(journal: Path) -> set[str]:
    """Keys of the requests whose answers, or failures, are on disk."""
    return {record["request_key"] for record in journal_records(journal) if record["kind"] == "outcome"}


def log_lines(log: Path) -> list[dict[str, Any]]:
    """What the simulator wrote down."""
    return [orjson.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
