"""
What a run may spend: caps in dollars or tokens, held before anything is sent, shared through the ledger.

A request sets aside the most that it may cost and settles what it did cost. At a cap, requests wait for what
is under way to be settled; those that do not fit even then are not sent.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from types import TracebackType
from typing import Self

from minference_core.engine.ledger import Ledger, Room, Takings
from minference_core.engine.ledger.budgets import Scope, Wish, in_all, on_day
from minference_core.errors import LedgerError
from minference_core.threads import OwnPrice

__all__ = ["Budget", "BudgetSpent", "Purse", "Spending", "takings"]

_NANO = Decimal(1_000_000_000)
_FULL = "raise the budget and run again"
_LOST = (
    "some of it is set aside by a run that was killed. Run that one's partition again, which frees what it "
    "did not spend, or raise the budget"
)
# How much may be set aside for requests that are still to come: what was spent in so many seconds.
_AHEAD_S = 0.5
# How often to ask again when others hold what is missing.
_ASK_AGAIN_S = 0.5
# How often a run that waits for its own answers says that it is there; the ledger believes it for longer.
_PULSE_S = 10.0
# How long what is set aside, and not used, is kept from others.
_TIDY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    A cap.

    Attributes:
        scope: Its name in the ledger, the same for all who share it.
        daily: Whether it is one of each day (UTC); then the day is added to the name.
        usd: Dollars; None is no limit.
        tokens: Read and written; None is no limit.
    """

    scope: str
    daily: bool = False
    usd: Decimal | None = None
    tokens: int | None = None

    def scopes(self, now: datetime) -> list[Scope]:
        """What it is in the ledger at an instant."""
        name = on_day(self.scope, now.date()) if self.daily else in_all(self.scope)
        caps = {"nanodollars": None if self.usd is None else int(self.usd * _NANO), "tokens": self.tokens}
        return [Scope(name, unit, most) for unit, most in caps.items() if most is not None]


class BudgetSpent(Exception):
    """There is no room for a request; the text says in which budget, and what to do."""


def takings(usd: Decimal | None, tokens: int) -> Takings:
    """Dollars, rounded up, and tokens."""
    nanodollars = 0 if usd is None else int((usd * _NANO).to_integral_value(ROUND_CEILING))
    return Takings(nanodollars, tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """
    What a run may spend, and at which prices.

    Attributes:
        prices: The user's own, by model; others are on list.
        allow_unknown_price: Whether to send what no dollar budget can hold, as nobody knows what it costs.
    """

    budgets: Sequence[Budget] = ()
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)
    allow_unknown_price: bool = False


class Purse:
    """One run's part of its budgets; used on one event loop. Leave it as a context to give back the rest."""

    def __init__(
        self,
        ledger: Ledger,
        holder: str,
        budgets: Sequence[Budget],
        *,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            holder: Whose books these are: a run and a partition, so that the partition's journal can correct
                them should the run die.
        """
        self.budgets = [budget for budget in budgets if budget.scopes(datetime.now(UTC))]
        self._ledger = ledger
        self._holder = holder
        self._today = today
        self._spare = Takings()  # set aside, and not needed by any request yet
        self._in_use = Takings()
        self._untold = Takings()  # spent since the ledger was last told
        self._recently = Takings()  # spent since the books were last tidied
        self._queue: deque[tuple[Takings, asyncio.Future[str | None]]] = deque()
        self._settled = asyncio.Event()
        self._filler: asyncio.Task[None] | None = None
        self._tidier: asyncio.Task[None] | None = None
        self._scopes: list[Scope] = []  # that the ledger was last told of
        self._books = asyncio.Lock()
        self._scarce = False

    @property
    def has_dollars(self) -> bool:
        """Whether any budget is in dollars, so that a price must be known."""
        return any(budget.usd is not None for budget in self.budgets)

    @property
    def has_tokens(self) -> bool:
        """Whether any budget is in tokens, so that an answer must have an end."""
        return any(budget.tokens is not None for budget in self.budgets)

    async def reserve(self, cost: Takings) -> None:
        """
        Set aside what a request may cost; first come, first served.

        Raises:
            BudgetSpent: It does not fit, and will not when all that is under way is settled.
            LedgerError: The ledger cannot be reached.
        """
        if not self.budgets:
            return
        if not self._queue and self._spare.covers(cost):
            self._take(cost)
            return
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._queue.append((cost, answer))
        if self._filler is None or self._filler.done():
            self._filler = asyncio.create_task(self._fill())
        try:
            full = await answer
        except asyncio.CancelledError:
            if not answer.cancelled() and answer.exception() is None and answer.result() is None:
                self.settle(cost, Takings())  # it was let through at the very moment when it was let go
            raise
        if full is not None:
            raise BudgetSpent(f"the budget of {full}")

    def settle(self, reserved: Takings, spent: Takings) -> None:
        """A request is over: what it did not cost is free again."""
        if not self.budgets:
            return
        self._in_use = self._in_use.minus(reserved)
        self._spare = self._spare.plus(reserved).minus(spent)
        self._untold = self._untold.plus(spent)
        self._recently = self._recently.plus(spent)
        self._settled.set()
        self._serve()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        async with self._books:  # only now is no question under way, which has what was spent
            for task in (self._filler, self._tidier):
                if task is not None:
                    task.cancel()
            for _, answer in self._queue:
                answer.cancel()
            self._queue.clear()
            if self._scopes:
                await self._ledger.finish(self._holder, self._scopes, self._untold)
                self._untold = Takings()

    def _take(self, cost: Takings) -> None:
        self._spare = self._spare.minus(cost)
        self._in_use = self._in_use.plus(cost)

    def _serve(self) -> None:
        """Those at the head of the queue for whom enough is set aside."""
        while self._queue:
            cost, answer = self._queue[0]
            if not answer.done():
                if not self._spare.covers(cost):
                    return
                self._take(cost)
                answer.set_result(None)
            self._queue.popleft()

    async def _fill(self) -> None:
        """Ask the ledger for as long as somebody waits."""
        try:
            while self._queue:
                self._settled.clear()
                head, wish = self._queue[0], self._ahead()
                for cost, _ in self._queue:
                    wish = wish.plus(cost)
                room = await self._ask(head[0], wish)
                self._serve()
                if room.granted is None and self._queue and self._queue[0] is head:
                    await self._wait_or_refuse(room)
        except Exception as exc:  # noqa: BLE001 (whoever waits must hear of it, whatever it is)
            for _, answer in self._queue:
                if not answer.done():
                    answer.set_exception(exc)
            self._queue.clear()
        if self._tidier is None or self._tidier.done():
            self._tidier = asyncio.create_task(self._tidy())

    async def _wait_or_refuse(self, room: Room) -> None:
        if self._settled.is_set():
            return  # while the ledger was asked: its answer is out of date
        if self._in_use != Takings():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), _PULSE_S)
        elif room.may_change:
            await asyncio.sleep(_ASK_AGAIN_S)
        else:
            _, answer = self._queue.popleft()
            if not answer.done():
                answer.set_result(f"{room.full} has no room for it: {_LOST if room.lost else _FULL}")

    async def _tidy(self) -> None:
        """Now and then tell what was spent, and give back what is not needed, until nothing is left."""
        while self._in_use != Takings() or self._spare != Takings() or self._untold != Takings():
            await asyncio.sleep(_TIDY_S)
            if not self._queue:  # else whoever fills it tells all that
                wish = self._ahead()
                self._recently = Takings()
                try:
                    await self._ask(Takings(), wish)
                except LedgerError:
                    return  # the next request meets it, too, and is told
                self._serve()

    def _ahead(self) -> Takings:
        """For requests to come: what was spent of late, unless others are short of it."""
        return Takings() if self._scarce else self._recently.times(_AHEAD_S / _TIDY_S)

    async def _ask(self, need: Takings, wish: Takings) -> Room:
        """Tell what was spent, and ask for the spare anew: the ledger has all that is in use or spare."""
        async with self._books:
            now = self._today()
            self._scopes = [scope for budget in self.budgets for scope in budget.scopes(now)]
            spent, self._untold, self._spare = self._untold, Takings(), Takings()
            told = Wish(
                holder=self._holder,
                scopes=self._scopes,
                need=need,
                wish=wish,
                spent=spent,
                in_use=self._in_use,
            )
            try:
                room = await self._ledger.reserve(told)
            except LedgerError:
                self._untold = self._untold.plus(spent)
                raise
            self._spare = self._spare.plus(room.granted or Takings())
            self._scarce = room.scarce
            return room
