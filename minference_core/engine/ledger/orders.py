"""What is asked of the ledger, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minference_core.engine.limits import LaneLimits
from minference_core.engine.pacing import Amounts

__all__ = ["Booking", "Order", "Room", "Takings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    One gate's wishes for a lane, all in one transaction.

    Attributes:
        account: The lane's.
        gate: Its name; requests in flight are counted by gates.
        limits: As this process knows them.
        needs: What its requests take, in the order in which they came.
        within_s: How far ahead they may be booked.
        settled: What earlier requests took more, or less, than they were booked with.
        learned: What the provider's latest answers said of its limits; None if nothing new.
        slow_down: Whether the provider refused although the limits were kept.
        hold_s: Seconds for which the provider wants nothing at all.
        in_use: Requests in flight at this gate.
        wanted: Requests there that are in flight or would be.
    """

    account: str
    gate: str = ""
    limits: LaneLimits
    needs: Sequence[Amounts] = ()
    within_s: float = 1.0
    settled: Amounts = field(default_factory=Amounts)
    learned: LaneLimits | None = None
    slow_down: bool = False
    hold_s: float = 0.0
    in_use: int = 0
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """
    What an order got.

    Attributes:
        starts: For the first of its needs, when each may leave, on this process's monotonic clock.
        limits: The limits in force, the provider's own among them.
        slots: How many requests may be in flight here; None where the lane has no such limit.
    """

    starts: Sequence[float]
    limits: LaneLimits
    slots: int | None


class Takings(NamedTuple):
    """Money and tokens: nanodollars (US) and tokens."""

    nanodollars: int = 0
    tokens: int = 0

    def plus(self, other: "Takings") -> "Takings":
        return Takings(self.nanodollars + other.nanodollars, self.tokens + other.tokens)

    def minus(self, other: "Takings") -> "Takings":
        return Takings(self.nanodollars - other.nanodollars, self.tokens - other.tokens)

    def times(self, factor: float) -> "Takings":
        return Takings(int(self.nanodollars * factor), int(self.tokens * factor))

    def covers(self, other: "Takings") -> bool:
        return self.nanodollars >= other.nanodollars and self.tokens >= other.tokens


@dataclass(frozen=True, slots=True)
class Room:
    """
    What a budget says to a wish.

    Attributes:
        granted: What was reserved; None if not even the need fits.
        scarce: Whether little is left besides, so that nobody should keep more than is in use.
        full: The budget that has no room; None if there is.
        may_change: Whether somebody else who is alive holds some of it, and may give it back.
        lost: Whether a run that was killed holds some of it, until its journal is opened again.
    """

    granted: Takings | None
    scarce: bool = False
    full: str | None = None
    may_change: bool = False
    lost: bool = False
