"""
When the next request of a lane may leave: first come, first served, within what all processes may send.

The arithmetic is `pacing.py`'s, the state is the ledger's. Here is what waits: requests are booked in batches
of at most about a second, so that a question to the ledger serves many, and each leaves when its time comes.
"""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from minference_core.engine.ledger import Booking, Ledger, Order
from minference_core.engine.limits import Lane, LaneLimits
from minference_core.engine.pacing import Amounts, rates_of, takes_it_all
from minference_core.engine.window import Window
from minference_core.errors import ErrorClass, LedgerError, RequestTooLarge
from minference_core.providers import COUNTS_WHAT_WAS_USED, LEARNS_FROM_LATENCY
from minference_core.requests import Weight
from minference_core.threads import TokenUsage

__all__ = ["LEAD_S", "Gate", "Pass"]

# How far ahead requests are booked, and how long before the last of them leaves the next are.
LEAD_S = 0.8
_RENEW_S = 0.2
# A request that could not leave at its time, because this process was held up, is booked anew: else all that
# were would leave at once.
_LATE_S = 0.25
# Seconds of requests that are booked before they have come, at the pace of late.
_AHEAD_S = 0.5
# How often a process says that it is there, while it has requests in flight or waits for a slot.
_PULSE_S = 1.0
# How much a new value counts in what is usual.
_NEW = 0.1
# How many times off our count of a prompt is taken to be at most: more is that one request's own affair.
_MOST_OFF = 3.0


@dataclass(slots=True)
class Pass:
    """One request that was let in: what it was booked with, and when it was let in."""

    booked: Amounts
    weight: Weight
    at: float


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request at the gate, and when it may leave; None until it is booked."""

    amounts: Amounts
    let_in: asyncio.Future[None]
    start: float | None = None


@dataclass(slots=True)
class _News:
    """What the ledger has not been told yet."""

    settled: Amounts = field(default_factory=Amounts)
    learned: LaneLimits | None = None
    slow_down: bool = False
    hold_until: float = 0.0

    @property
    def is_urgent(self) -> bool:
        return self.slow_down or self.learned is not None or self.hold_until > 0


class Gate:
    """One lane's, in one process and on one event loop; leave it as a context to give back what it holds."""

    def __init__(self, lane: Lane, ledger: Ledger, *, max_in_flight: int) -> None:
        """
        Args:
            max_in_flight: Requests at once of this gate; the lane's own limit is that of all processes.
        """
        self.limits = lane.limits
        self.window = Window(
            max_in_flight, by_latency=lane.client in LEARNS_FROM_LATENCY, ceiling=_unknown(lane.limits)
        )
        self._lane = lane
        self._name = uuid.uuid4().hex  # its slots are its own, whoever else asks on the same ledger
        self._ledger = ledger
        self._counts_used = lane.client in COUNTS_WHAT_WAS_USED
        self._unbooked: deque[_Waiting] = deque()
        self._booked: deque[_Waiting] = deque()
        self._places: deque[tuple[float, Amounts]] = deque()  # booked for requests that have not come yet
        self._ahead = Amounts()  # what each of the places of the order under way is booked with
        self._usual = Amounts()
        self._let_in = 0  # since `_since`
        self._since = time.monotonic()
        self._per_s = 0.0
        self._calibration = 1.0  # prompt tokens as the provider counts them, to our estimate
        self._news = _News()
        self._held_until = 0.0
        self._told_wanted = 0
        self._heard: tuple[int | None, int | None, int | None, int | None] | None = None
        self._heard_of: dict[str | None, LaneLimits] = {}  # by model
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._pulse: asyncio.Task[None] | None = None

    def check(self, weight: Weight, model: str | None) -> None:
        """
        Refuse what can never pass: by the lane's own limits, and by what was heard of this model's.

        Raises:
            RequestTooLarge: The request needs more than a whole minute's tokens.
        """
        heard = self._heard_of.get(model, LaneLimits())
        _, tokens, read, written = self._lane.limits.lowered_to(heard).per_minute
        # What other requests turned out to have more than was guessed refuses nothing.
        prompt = weight.prompt * min(1.0, self._calibration)
        for most, need in ((tokens, prompt + weight.output), (read, prompt), (written, weight.output)):
            if most is not None and need > most:
                raise RequestTooLarge(tokens=round(need), tokens_per_minute=most)

    async def enter(self, weight: Weight) -> Pass:
        """
        Wait until a request may be sent; first come, first served.

        Raises:
            LedgerError: The ledger cannot be reached.
        """
        await self._enter_window()
        try:
            amounts = self._amounts(weight)
            if self._is_paced():
                await self._wait(amounts)
        except BaseException:
            self.window.leave()
            raise
        return Pass(amounts, weight, time.monotonic())

    def leave(self, admitted: Pass, usage: TokenUsage | None = None) -> None:
        """
        A request has ended.

        Args:
            usage: What its answer says; None when nothing of it was counted that is known.
        """
        self.window.leave()
        if usage is None or usage.prompt_tokens is None:
            return
        self._settle(admitted, usage)
        self.window.answered(time.monotonic() - admitted.at, usage.completion_tokens or 0)

    def refused(self, error: ErrorClass) -> None:
        """The provider had too much: of requests, or of work."""
        if error is ErrorClass.RATE_LIMIT and self._is_paced():
            self._news.slow_down = True
            self._ask()
        else:
            self.window.refused(time.monotonic())

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while: the provider said so."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)
        self._news.hold_until = self._held_until
        self._unbook()
        self._ask()

    def learn(
        self, per_minute: tuple[int | None, int | None, int | None, int | None], model: str | None
    ) -> None:
        """What an answer says of the account's limits, which may be this model's only."""
        if per_minute == self._heard:
            return
        self._heard = per_minute
        requests, tokens, read, written = per_minute
        heard = LaneLimits(
            requests_per_minute=requests,
            tokens_per_minute=tokens,
            input_tokens_per_minute=read,
            output_tokens_per_minute=written,
        )
        self._heard_of[model] = self._news.learned = heard
        self._ask()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Nobody waits any more: what this gate holds of the lane is others'."""
        for task in (self._pulse, self._asking):
            if task is not None:
                task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._lane.limits.max_in_flight is not None and self.window.ceiling:
            with contextlib.suppress(LedgerError):  # others see by themselves that it is gone
                await self._ledger.leave(self._name)

    # ── what a request takes ──────────────────────────────────────────────────
    def _amounts(self, weight: Weight) -> Amounts:
        prompt = weight.prompt * self._calibration
        return Amounts(1.0, prompt + weight.output, prompt, weight.output)

    def _settle(self, admitted: Pass, usage: TokenUsage) -> None:
        read = float(usage.prompt_tokens or 0)
        if admitted.weight.prompt > 0:
            counted = min(max(read / admitted.weight.prompt, 1 / _MOST_OFF), _MOST_OFF)
            self._calibration += _NEW * (counted - self._calibration)
        written = float(admitted.weight.output)
        if self._counts_used:
            read -= usage.cached_tokens or 0
            written = float(usage.completion_tokens or 0)
        used = Amounts(1.0, read + written, read, written)
        self._news.settled = self._news.settled.plus(used).plus(admitted.booked, -1.0)

    # ── waiting for the time to leave ─────────────────────────────────────────
    def _is_paced(self) -> bool:
        return any(self.limits.per_minute) or self._held_until > time.monotonic()

    async def _wait(self, amounts: Amounts) -> None:
        self._usual = amounts if self._usual.requests == 0 else self._usual.towards(amounts, _NEW)
        start = None
        if not self._unbooked and not self._booked:
            now = time.monotonic()
            start = self._take_places(amounts, now)
            if start is not None and start <= now:
                self._let_in += 1
                return
        waiting = _Waiting(amounts, asyncio.get_running_loop().create_future(), start)
        (self._unbooked if start is None else self._booked).append(waiting)
        self._arm()
        await waiting.let_in

    def _take_places(self, amounts: Amounts, now: float) -> float | None:
        """
        Use what was booked ahead: as many places as a request takes; None if they will not do for it.

        Returns:
            When it may leave.
        """
        while self._places and self._places[0][0] < now - _LATE_S:
            self._places.popleft()
        if not self._places:
            return None
        start, usual = self._places[0]
        count = usual.times_to_hold(amounts)
        if count > len(self._places) or (count > 1 and takes_it_all(rates_of(self.limits), amounts)):
            return None
        booked = Amounts()
        for _ in range(count):
            booked = booked.plus(self._places.popleft()[1])
        self._news.settled = self._news.settled.plus(amounts).plus(booked, -1.0)
        return start

    def _release(self) -> None:
        """Let those go whose time has come."""
        self._timer = None
        now = time.monotonic()
        if self._booked and (self._booked[0].start or now) < now - _LATE_S:
            self._unbook()
        while self._booked and (self._booked[0].start or 0.0) <= now:
            waiting = self._booked.popleft()
            if waiting.let_in.done():
                self._news.settled = self._news.settled.plus(waiting.amounts, -1.0)
            else:
                waiting.let_in.set_result(None)
                self._let_in += 1
        self._arm()

    def _unbook(self) -> None:
        """Those that are booked are to be booked anew, before all others; what is ahead is given back."""
        now = time.monotonic()
        while self._booked:
            waiting = self._booked.pop()
            if (waiting.start or 0.0) > now:
                self._news.settled = self._news.settled.plus(waiting.amounts, -1.0)
            waiting.start = None
            self._unbooked.appendleft(waiting)
        self._give_back_places(now)

    def _arm(self) -> None:
        """See to it that the next thing happens when it is due."""
        self._from_places()
        due = self._booked[0].start if self._booked else None
        if self._unbooked:
            last = self._booked[-1].start if self._booked else None
            renew = time.monotonic() if last is None else last - _RENEW_S
            if renew <= time.monotonic():
                self._ask()
            elif due is None or renew < due:
                due = renew
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._release)

    def _from_places(self) -> None:
        """Those who wait unbooked take what was booked ahead; what does not do for them is given back."""
        now = time.monotonic()
        while self._unbooked and self._places:
            start = self._take_places(self._unbooked[0].amounts, now)
            if start is None:
                self._give_back_places(now)
                return
            waiting = self._unbooked.popleft()
            waiting.start = start
            self._booked.append(waiting)

    def _give_back_places(self, now: float) -> None:
        for start, booked in self._places:
            if start > now:
                self._news.settled = self._news.settled.plus(booked, -1.0)
        self._places.clear()

    # ── asking the ledger ─────────────────────────────────────────────────────
    def _ask(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._place_order())

    async def _place_order(self) -> None:
        try:
            while True:
                asked = len(self._unbooked)
                booking = await self._ledger.order(self._order())
                self._enter_into(booking, asked)
                if not self._news.is_urgent and (self._booked or not self._unbooked):
                    break
        except Exception as exc:  # noqa: BLE001 (whoever waits must hear of it, whatever it is)
            for waiting in (*self._booked, *self._unbooked):
                if not waiting.let_in.done():
                    waiting.let_in.set_exception(exc)
            self._booked.clear()
            self._unbooked.clear()
            self.window.fail(exc)
            return
        self._asking = None
        self._arm()

    def _order(self) -> Order:
        now = time.monotonic()
        if now - self._since >= 1.0:
            self._per_s, self._let_in, self._since = self._let_in / (now - self._since), 0, now
        news, self._news = self._news, _News()
        self._told_wanted = self.window.wanted
        ahead = int(self._per_s * _AHEAD_S) if self._unbooked else 0
        self._ahead = self._usual
        needs = [waiting.amounts for waiting in self._unbooked]
        return Order(
            account=self._lane.account,
            gate=self._name,
            limits=self._lane.limits,
            needs=[*needs, *[self._usual] * max(0, ahead - len(needs))],
            within_s=LEAD_S,
            settled=news.settled,
            learned=news.learned,
            slow_down=news.slow_down,
            hold_s=max(0.0, news.hold_until - now),
            in_use=self.window.in_use,
            wanted=self.window.wanted,
        )

    def _enter_into(self, booking: Booking, asked: int) -> None:
        self.limits = booking.limits
        self.window.ceiling = booking.slots
        self.window.serve()
        starts = deque(booking.starts)
        for _ in range(min(asked, len(starts), len(self._unbooked))):
            waiting = self._unbooked.popleft()
            waiting.start = starts.popleft()
            self._booked.append(waiting)
        self._places.extend((start, self._ahead) for start in starts)

    async def _enter_window(self) -> None:
        entering = self.window.enter()
        if self._lane.limits.max_in_flight is None:
            return await entering
        # A lane with a limit of requests in flight is shared out anew when more are wanted, and now and then.
        if self.window.wanted >= self._told_wanted:
            asyncio.get_running_loop().call_soon(self._ask)
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.create_task(self._keep_slots())
        return await entering

    async def _keep_slots(self) -> None:
        """Say so while they are used, then give them back: the ledger forgets who is silent."""
        while self.window.wanted or self.window.ceiling:
            await asyncio.sleep(_PULSE_S)
            self._ask()


def _unknown(limits: LaneLimits) -> int | None:
    """Nothing may be in flight until the ledger has said how much; where there is no such limit, all may."""
    return None if limits.max_in_flight is None else 0
