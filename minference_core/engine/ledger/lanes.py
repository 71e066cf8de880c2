"""The ledger's side of a lane: where its lines stand, and how many requests a process may have in flight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from minference_core.engine.ledger.orders import Booking, Order
from minference_core.engine.ledger.processes import Process
from minference_core.engine.ledger.tables import LANE, SLOT
from minference_core.engine.limits import LaneLimits
from minference_core.engine.pacing import Line, book, rates_of

__all__ = ["ALIVE_S", "Now", "fair_shares", "leave", "serve"]

# A process that has not been heard of for so long has no requests in flight that count.
ALIVE_S = 10.0

_FREE = ("free_requests", "free_tokens", "free_input", "free_output")
_LEARNED = ("learned_requests", "learned_tokens", "learned_input", "learned_output")

# Each is made once: to make one takes several times as long as to ask it.
_FIND_LANE = sa.select(LANE).where(LANE.c.account == sa.bindparam("of")).with_for_update()
_UPDATE_LANE = LANE.update().where(LANE.c.account == sa.bindparam("of"))
_INSERT_LANE = LANE.insert()
_FIND_SLOTS = sa.select(SLOT).where(SLOT.c.account == sa.bindparam("of"))
_UPDATE_SLOT = SLOT.update().where(SLOT.c.account == sa.bindparam("of"), SLOT.c.holder == sa.bindparam("by"))
_INSERT_SLOT = SLOT.insert()


@dataclass(frozen=True, slots=True)
class Now:
    """
    One instant on two clocks, in seconds.

    Attributes:
        shared: On the clock of all who share the ledger.
        own: On this process's monotonic clock.
        clock: The shared clock's name.
    """

    shared: float
    own: float
    clock: str


def serve(connection: sa.Connection, clock: Callable[[], Now], holder: str, order: Order) -> Booking:
    """Bring a lane's row up to date, and book what an order needs."""
    row = connection.execute(_FIND_LANE, {"of": order.account}).one_or_none()
    now = clock()  # only now, as the row may have been somebody else's for a while
    line = Line() if row is None else _line(row, now)
    if order.learned is not None:
        line.learned = order.learned.or_else(line.learned)
    rates = rates_of(order.limits, line.learned)
    line.settle(rates, order.settled, now.shared)
    if order.slow_down:
        line.slow_down(now.shared)
    if order.hold_s > 0:
        line.held_until = max(line.held_until, now.shared + order.hold_s)
    starts = book(line, rates, order.needs, now.shared, within_s=order.within_s)
    _write(connection, order.account, now.clock, line)
    return Booking(
        [start - now.shared + now.own for start in starts],
        _in_force(order.limits, line.learned),
        _slots(connection, now.shared, holder, order),
    )


def leave(connection: sa.Connection, holder: str) -> None:
    """Give back all requests in flight of a gate, or of a process that ends."""
    connection.execute(SLOT.delete().where(SLOT.c.holder.startswith(holder, autoescape=True)))


def fair_shares(most: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """
    Divide a number so that nobody gets more than they want, and nobody less than another who wants more.

    Args:
        most: What there is.
        wanted: By name; the first ones get the odd ones.
    """
    shares: dict[str, int] = {}
    left, open_wishes = most, dict(sorted(wanted.items(), key=lambda item: item[1]))
    while open_wishes:
        name, wish = next(iter(open_wishes.items()))
        del open_wishes[name]
        shares[name] = min(wish, -(-left // (len(open_wishes) + 1)))
        left -= shares[name]
    return shares


def _line(row: sa.Row[Any], now: Now) -> Line:
    said = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    line = Line(
        free_at=[said[name] for name in _FREE],
        held_until=said["held_until"],
        share=said["share"],
        share_at=said["share_at"],
        ceiling=said["ceiling"],
        learned=_limits(*(said[name] for name in _LEARNED)),
    )
    if said["clock"] != now.clock:  # the machine was started anew: those times mean nothing any more
        return Line(learned=line.learned)
    line.mend(now.shared)
    return line


def _write(connection: sa.Connection, account: str, clock: str, line: Line) -> None:
    values: dict[str, Any] = {
        "clock": clock,
        **dict(zip(_FREE, line.free_at, strict=True)),
        "held_until": line.held_until,
        "share": line.share,
        "share_at": line.share_at,
        "ceiling": line.ceiling,
        **dict(zip(_LEARNED, line.learned.per_minute, strict=True)),
    }
    if connection.execute(_UPDATE_LANE, {"of": account, **values}).rowcount == 0:
        connection.execute(_INSERT_LANE, {"account": account, **values})


@lru_cache(maxsize=256)
def _in_force(limits: LaneLimits, learned: LaneLimits) -> LaneLimits:
    return limits.lowered_to(learned)


@lru_cache(maxsize=256)
def _limits(requests: int | None, tokens: int | None, read: int | None, written: int | None) -> LaneLimits:
    return LaneLimits(
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        input_tokens_per_minute=read,
        output_tokens_per_minute=written,
    )


def _slots(connection: sa.Connection, now: float, holder: str, order: Order) -> int | None:
    """How many requests this process may have in flight; all processes together keep to the lane's limit."""
    most = order.limits.max_in_flight
    if most is None:
        return None
    rows = connection.execute(_FIND_SLOTS, {"of": order.account}).all()
    others = {row.holder: row for row in rows if row.holder != holder and _alive(row, now)}
    shares = fair_shares(most, {**{name: row.wanted for name, row in others.items()}, holder: order.wanted})
    free = most - sum(row.granted for row in others.values())
    # What is in flight cannot be taken back, only not given again.
    granted: int = max(order.in_use, min(shares[holder], free))
    values = {"granted": granted, "wanted": order.wanted, "seen_at": now}
    mine = {"of": order.account, "by": holder}
    if connection.execute(_UPDATE_SLOT, {**mine, **values}).rowcount == 0:
        connection.execute(_INSERT_SLOT, {"account": order.account, "holder": holder, **values})
    return granted


def _alive(row: sa.Row[Any], now: float) -> bool:
    """Whether a process may have requests in flight: not if it is seen to have died, or has been silent."""
    process = Process.in_name(row.holder)
    if process is not None and process.is_here() and not process.is_running():
        return False
    return bool(0 <= now - row.seen_at < ALIVE_S)
