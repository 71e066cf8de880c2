"""The ledger's side of a budget: what was spent of it, what is set aside, and whether there is room."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa

from minference_core.engine.ledger.lanes import Now
from minference_core.engine.ledger.orders import Room, Takings
from minference_core.engine.ledger.processes import Process
from minference_core.engine.ledger.tables import HOLDING

__all__ = [
    "Balance",
    "Scope",
    "Wish",
    "balances",
    "correct",
    "finish",
    "in_all",
    "on_day",
    "open_holdings",
    "reserve",
]

# The holder of what runs spent that are over.
_CLOSED = ""
# A run that has not been heard of for so long has died, though another process may have its number by now.
_ALIVE_S = 60.0
# Little is left when another so many wishes of the same size would not fit.
_SCARCE = 8
_DAY = re.compile(r" (\d{4}-\d{2}-\d{2})$")

# Each is made once: to make one takes several times as long as to ask it.
_OF_SCOPE = sa.and_(HOLDING.c.scope == sa.bindparam("of"), HOLDING.c.unit == sa.bindparam("in"))
_FIND = sa.select(HOLDING).where(_OF_SCOPE).order_by(HOLDING.c.holder).with_for_update()
_FIND_CLOSED = sa.select(HOLDING.c.spent).where(_OF_SCOPE, HOLDING.c.holder == _CLOSED)
_NOTE = (
    HOLDING.update()
    .where(_OF_SCOPE, HOLDING.c.holder == sa.bindparam("by"))
    .values(spent=HOLDING.c.spent + sa.bindparam("more"))
)
_INSERT = HOLDING.insert()


class Scope(NamedTuple):
    """A budget in one unit: `nanodollars` or `tokens`."""

    name: str
    unit: str
    most: int

    def of(self, takings: Takings) -> int:
        return int(getattr(takings, self.unit))


class Balance(NamedTuple):
    """What is spent and set aside of a budget, and who has set it aside."""

    scope: str
    unit: str
    spent: int
    held: int
    holders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What a run asks of its budgets.

    Attributes:
        need: What the next request may cost.
        wish: What it would like to set aside, for those after it, too; at least `need`.
        spent: What its answers cost since it last told.
        in_use: What it has set aside for requests that are under way.
    """

    holder: str
    scopes: Sequence[Scope]
    need: Takings
    wish: Takings
    spent: Takings
    in_use: Takings


def reserve(connection: sa.Connection, clock: Callable[[], Now], me: Process, wish: Wish) -> Room:
    """Write down what was spent, and set aside what is needed where every budget has room for it."""
    now = clock().shared
    # In an order that all have in common, in `_close` as well: else two would wait for each other.
    rooms = [_room(connection, now, wish.holder, scope, wish) for scope in sorted(wish.scopes)]
    full = next((room for room in rooms if room.left < room.scope.of(wish.need)), None)
    granted = None
    if full is None:
        granted = wish.wish if all(r.left >= r.scope.of(wish.wish) for r in rooms) else wish.need
    for room in rooms:
        aside = wish.in_use if granted is None else wish.in_use.plus(granted)
        _note(connection, wish, room.scope, room.scope.of(aside), me, now)
    scarce = any(room.left < _SCARCE * room.scope.of(wish.wish) for room in rooms)
    if full is None:
        return Room(granted, scarce)
    return Room(None, scarce, full.scope.name, full.others_held > 0, full.lost > 0)


def finish(connection: sa.Connection, holder: str, scopes: Sequence[Scope], spent: Takings) -> None:
    """Close a run's books."""
    _close(connection, holder, {(scope.name, scope.unit): scope.of(spent) for scope in scopes})


def correct(connection: sa.Connection, holder: str, spent: Mapping[date, Takings]) -> None:
    """Close the books of a run that died with what it spent, by day: those of a day, and those of all."""
    rows = connection.execute(sa.select(HOLDING).where(HOLDING.c.holder == holder)).all()
    more = {}
    for row in rows:
        day = _day_of(row.scope)
        counted = spent.values() if day is None else [spent.get(day, Takings())]
        more[row.scope, row.unit] = sum(getattr(each, row.unit) for each in counted) - row.spent
    _close(connection, holder, more)


def on_day(scope: str, day: date) -> str:
    """The name of a budget's part of one day."""
    return f"{scope} {day}"


def in_all(scope: str) -> str:
    """The name of a budget without end, which must not look like that of a day."""
    return f"{scope} in all" if _DAY.search(scope) else scope


def open_holdings(connection: sa.Connection, clock: Callable[[], Now]) -> dict[str, bool]:
    """The holders whose books are open, and whether they are still there."""
    now = clock().shared
    rows = connection.execute(sa.select(HOLDING).where(HOLDING.c.holder != _CLOSED)).all()
    return {row.holder: _alive(row, now) for row in rows}


def balances(connection: sa.Connection, prefix: str) -> list[Balance]:
    """What is spent and set aside, by budget."""
    named = HOLDING.c.scope.startswith(prefix, autoescape=True)
    order = HOLDING.c.scope, HOLDING.c.unit, HOLDING.c.holder
    rows = connection.execute(sa.select(HOLDING).where(named).order_by(*order)).all()
    found = []
    for (scope, unit), mine in groupby(rows, key=lambda row: (row.scope, row.unit)):
        spent, held, holders = zip(*((row.spent, row.held, row.holder) for row in mine), strict=True)
        who = tuple(holder for holder, aside in zip(holders, held, strict=True) if aside)
        found.append(Balance(scope, unit, sum(spent), sum(held), who))
    return found


@dataclass(frozen=True, slots=True)
class _Room:
    scope: Scope
    left: int
    others_held: int  # of those who are alive: it may come back
    lost: int  # what those hold who are not


def _room(connection: sa.Connection, now: float, holder: str, scope: Scope, wish: Wish) -> _Room:
    # The row of the closed ones is there for every budget, so that its lock is one that everybody takes.
    _ensure(connection, scope)
    rows = connection.execute(_FIND, {"of": scope.name, "in": scope.unit}).all()
    others = [row for row in rows if row.holder != holder]
    taken = sum(row.spent for row in rows) + sum(row.held for row in others)
    left = scope.most - taken - scope.of(wish.spent) - scope.of(wish.in_use)
    alive = sum(row.held for row in others if _alive(row, now))
    return _Room(scope, left, alive, sum(row.held for row in others) - alive)


def _ensure(connection: sa.Connection, scope: Scope) -> None:
    if connection.execute(_FIND_CLOSED, {"of": scope.name, "in": scope.unit}).one_or_none() is None:
        named = {"scope": scope.name, "unit": scope.unit, "holder": _CLOSED}
        connection.execute(_INSERT, {**named, "spent": 0, "held": 0, "pid": 0, "host": "", "seen_at": 0.0})


def _note(connection: sa.Connection, wish: Wish, scope: Scope, held: int, me: Process, now: float) -> None:
    values = {"held": held, "pid": me.pid, "host": me.host, "seen_at": now}
    spent = scope.of(wish.spent)
    mine = {"of": scope.name, "in": scope.unit, "by": wish.holder}
    if connection.execute(_NOTE, {**mine, "more": spent, **values}).rowcount == 0:
        named = {"scope": scope.name, "unit": scope.unit, "holder": wish.holder}
        connection.execute(_INSERT, {**named, "spent": spent, **values})


def _close(connection: sa.Connection, holder: str, more: dict[tuple[str, str], int]) -> None:
    """Add a run's row to that of the closed ones, with what it spent besides."""
    own = HOLDING.c.holder == holder
    named = sa.select(HOLDING.c.scope, HOLDING.c.unit).where(own)
    for scope, unit in sorted((row.scope, row.unit) for row in connection.execute(named).all()):
        same = (HOLDING.c.scope == scope) & (HOLDING.c.unit == unit)
        # The row of the closed ones first, as everybody does: else two would wait for each other.
        closed = same & (HOLDING.c.holder == _CLOSED)
        connection.execute(sa.select(HOLDING.c.spent).where(closed).with_for_update())
        spent = connection.execute(sa.select(HOLDING.c.spent).where(same & own)).scalar_one()
        spent += more.get((scope, unit), 0)
        connection.execute(HOLDING.update().where(closed).values(spent=HOLDING.c.spent + spent))
        connection.execute(HOLDING.delete().where(same & own))


def _day_of(scope: str) -> date | None:
    """The day whose budget it is; None for one without end."""
    found = _DAY.search(scope)
    return date.fromisoformat(found[1]) if found is not None else None


def _alive(row: sa.Row[tuple[object, ...]], now: float) -> bool:
    """Whether a run is still there: not if its process is seen to have died, or it has been silent."""
    process = Process(row.pid, row.host)
    if process.is_here() and not process.is_running():
        return False
    return bool(0 <= now - row.seen_at < _ALIVE_S)
