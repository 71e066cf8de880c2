"""
What one of several processes does that share a dataset, a ledger and an account: a partition of its own.

Its lanes, limits and ledger are those of the environment, as for `minference run`.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from minference_core.engine import Caps, Lane, Ledger, Spending, environment, graceful_stop
from minference_core.errors import DiskError, JournalError, LedgerError
from minference_core.specs import SpecDefaults
from tests.conftest import Pipeline

__all__ = ["DONE", "NO_DISK", "STOPPED", "Sharing", "ask"]

# How a process ends that is not killed.
DONE, STOPPED, NO_DISK = 0, 3, 4


@dataclass
class Sharing(Pipeline):
    """
    A partition that is asked beside others.

    Attributes:
        environment: Variables that its process has.
        caps: What the dataset may spend.
        timeout_s: Seconds a request may take.
        jumps: A seed for a wall clock that jumps; None for one that does not.
    """

    defaults: SpecDefaults = field(default_factory=lambda: SpecDefaults(client="openai", model="gpt-4"))
    environment: Mapping[str, str] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)
    timeout_s: float = 60.0
    jumps: int | None = None

    def lanes(self) -> dict[str, Lane]:
        lanes = environment.lanes(self.limits)
        return {client: replace(lane, timeout_s=self.timeout_s) for client, lane in lanes.items()}


def ask(made: Sharing, run_id: str) -> None:
    """Plan the partition and ask it, as one run; SIGTERM stops it."""
    os.environ.update(made.environment)
    if made.jumps is not None:
        _let_the_clock_jump(made.jumps)
    try:
        stopped = asyncio.run(_asked(made, run_id))
    except (DiskError, JournalError, LedgerError) as exc:
        print(f"{made.day}: {exc}", file=sys.stderr)  # noqa: T201 (for whoever reads a failed test)
        sys.exit(NO_DISK)
    sys.exit(STOPPED if stopped else DONE)


async def _asked(made: Sharing, run_id: str) -> bool:
    stop = asyncio.Event()
    budgets = made.caps.budgets(made.dataset, run_id, simulated=False)
    with (
        graceful_stop(asyncio.get_running_loop(), stop),
        Ledger(environment.ledger_url(made.data)) as ledger,
    ):
        made.plan()
        report = await made.answer(
            stop=stop, run_id=run_id, ledger=ledger, spending=Spending(budgets=budgets)
        )
    return report.stopped


def _let_the_clock_jump(seed: int) -> None:
    """From now on the wall clock is set anew three times a second, by up to thirty hours either way."""
    draw = random.Random(seed)
    leaps: Sequence[float] = [draw.uniform(-30, 30) * 3_600 for _ in range(64)]
    true, began = time.time, time.monotonic()

    def now() -> float:
        return true() + leaps[int((time.monotonic() - began) * 3) % len(leaps)]

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(now(), tz)

    time.time = now
    for name, module in list(sys.modules.items()):
        if name.startswith("minference_core") and getattr(module, "datetime", None) is datetime:
            module.datetime = Jumping  # type: ignore[attr-defined]
