"""
What every script that asks has in common: what it is to ask, and how it says what that took.

Only the standard library is used here, since each of them runs in an environment of its own.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Task", "measured", "read_task"]


@dataclass(frozen=True)
class Task:
    """
    Attributes:
        bodies: A file with one Chat Completions request on each line.
        rpm: The limit to keep to, if there is one.
        folder: An empty one, for whatever the work leaves behind.
    """

    url: str
    bodies: Path
    in_flight: int
    rpm: int | None
    folder: Path

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.bodies.read_text().splitlines()]

    def prompts(self) -> list[str]:
        return [request["messages"][-1]["content"] for request in self.requests()]

    @property
    def model(self) -> str:
        with self.bodies.open() as file:
            return str(json.loads(file.readline())["model"])


def read_task() -> Task:
    """The last argument holds it."""
    given = json.loads(sys.argv[-1])
    return Task(given["url"], Path(given["bodies"]), given["in_flight"], given["rpm"], Path(given["folder"]))


def measured(work: Callable[[], int]) -> None:
    """Do the work, which gives the number of answers, and print what it took, without what came before."""
    cpu, started = _cpu_s(), time.monotonic()
    answers = work()
    took = {"answers": answers, "cpu_s": _cpu_s() - cpu, "seconds": time.monotonic() - started}
    sys.stdout.write("\n" + json.dumps(took) + "\n")


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
