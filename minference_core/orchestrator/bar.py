"""The progress bar of a run: on a terminal, and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["progress_bar"]

Tick = Callable[[int, int, float], None]


@contextmanager
def progress_bar(total: int, *, shown: bool | None) -> Iterator[Tick]:
    """
    Show a bar while open, and give what moves it: done, failed, dollars.

    Args:
        shown: Whether there is one; on a terminal only when None.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda done, failures, cost_usd: None
        return
    columns = (
        TextColumn("threads"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failures]} failed, ${task.fields[cost_usd]:.4f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("threads", total=total, failures=0, cost_usd=0.0)

        def tick(done: int, failures: int, cost_usd: float) -> None:
            progress.update(bar, completed=done, failures=failures, cost_usd=cost_usd)

        yield tick
