"""
What the models of `order_desk` may call, and the forms they may be asked to fill in.

Rows name the functions and models of `TOOLS`; what a model is told of them is their type hints and
docstrings. Each function gives the same for the same arguments and changes nothing, so that it does not
matter if one runs twice.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

__all__ = ["TOOLS"]

# The numbers given out so far. Not a pattern, since the simulator makes arguments of the schema alone.
_Number = Literal[
    "D-2040", "D-2041", "D-2042", "D-2043", "D-2044", "D-2045", "D-2046", "D-2047", "D-2048", "D-2049"
]  # fmt: skip
OrderId = Annotated[_Number, Field(description="As on the confirmation")]
Item = Literal["mug", "lamp", "blanket", "kettle", "stool"]
Country = Literal["DE", "ES", "FR", "GB", "JP", "US"]


class Order(BaseModel):
    """An order, as the shop's books have it."""

    order_id: str
    item: Item
    quantity: int
    paid_cents: int
    country: Country
    ordered_on: date
    status: Literal["packing", "on its way", "delivered", "returned"]


class RefundRequest(BaseModel):
    """What a refund depends on."""

    order_id: OrderId
    reason: Literal["damaged", "wrong item", "late", "changed mind"]
    days_since_delivery: Annotated[int, Field(ge=0)]


class RefundQuote(BaseModel):
    """What the shop would pay back."""

    refund_cents: int
    shop_pays_postage: bool
    why: str


class Damage(BaseModel):
    """What a photograph shows of an item."""

    item: Literal["mug", "lamp", "blanket", "kettle", "stool", "parcel", "something else"]
    colour: str
    damage: Literal["none", "crack", "dent", "stain", "missing part"]
    note: Annotated[str, Field(description="One sentence for the colleague who decides")]


class Ticket(BaseModel):
    """What the colleague who takes over has to know."""

    subject: str
    language: Annotated[str, Field(description="Of the customer, as a BCP 47 tag")]
    urgency: Literal["low", "normal", "high"]
    next_step: Annotated[str, Field(description="One sentence in English")]


def find_order(order_id: OrderId) -> Order:
    """Look an order up: what was bought, for how much, and where it is."""
    return _order(order_id)


async def track_parcel(order_id: OrderId, *, in_transit_only: bool = False) -> list[str]:
    """Where an order's parcel was seen, oldest first."""
    order = _order(order_id)
    seen = ["label printed", "left the warehouse", "at the carrier", f"at the door in {order.country}"]
    places = seen[: _SEEN[order.status]]
    return places[1:3] if in_transit_only else places


def check_stock(item: Item, quantity: int = 1) -> bool:
    """Whether that many pieces of an item can leave today."""
    return _STOCK[item] >= quantity


def delivery_days(country: Country, *, express: bool = False) -> int:
    """How many working days a parcel takes to a country."""
    days = _DAYS[country]
    return max(1, days // 2) if express else days


def quote_refund(request: RefundRequest) -> RefundQuote:
    """What the shop pays back for an order; nothing is paid by asking."""
    paid = _order(request.order_id).paid_cents
    if request.reason in ("damaged", "wrong item"):
        return RefundQuote(refund_cents=paid, shop_pays_postage=True, why="our mistake: all of it")
    if request.reason == "late":
        return RefundQuote(refund_cents=paid // 10, shop_pays_postage=True, why="a tenth for a late parcel")
    if request.days_since_delivery > _RETURN_WITHIN_DAYS:
        return RefundQuote(refund_cents=0, shop_pays_postage=False, why="the 30 days are over")
    return RefundQuote(refund_cents=paid, shop_pays_postage=False, why="returned within 30 days")


TOOLS = [find_order, track_parcel, check_stock, delivery_days, quote_refund, Damage, Ticket]


# ── the shop's books ──────────────────────────────────────────────────────────


def _order(order_id: str) -> Order:
    """
    Raises:
        ValueError: There is none, as of D-2048. The model is told that as the result of its call.
    """
    if order_id not in _ORDERS:
        raise ValueError(f"there is no order {order_id}: ask the customer for the number again")
    return _ORDERS[order_id]


def _booked(*orders: Order) -> Mapping[str, Order]:
    return {order.order_id: order for order in orders}


_RETURN_WITHIN_DAYS = 30
_STOCK: Mapping[str, int] = {"mug": 41, "lamp": 6, "blanket": 0, "kettle": 12, "stool": 3}
_DAYS: Mapping[str, int] = {"DE": 2, "FR": 3, "GB": 4, "ES": 4, "US": 7, "JP": 8}
_SEEN: Mapping[str, int] = {"packing": 1, "on its way": 3, "delivered": 4, "returned": 4}

_ORDERS = _booked(
    Order(order_id="D-2040", item="mug", quantity=2, paid_cents=3800, country="GB",
          ordered_on=date(2026, 11, 2), status="delivered"),
    Order(order_id="D-2041", item="lamp", quantity=1, paid_cents=8900, country="DE",
          ordered_on=date(2026, 11, 3), status="delivered"),
    Order(order_id="D-2042", item="blanket", quantity=1, paid_cents=12900, country="FR",
          ordered_on=date(2026, 11, 5), status="on its way"),
    Order(order_id="D-2043", item="kettle", quantity=1, paid_cents=6450, country="JP",
          ordered_on=date(2026, 11, 6), status="on its way"),
    Order(order_id="D-2044", item="stool", quantity=4, paid_cents=31600, country="ES",
          ordered_on=date(2026, 11, 9), status="packing"),
    Order(order_id="D-2045", item="mug", quantity=6, paid_cents=10200, country="US",
          ordered_on=date(2026, 10, 1), status="returned"),
    Order(order_id="D-2046", item="lamp", quantity=2, paid_cents=17800, country="GB",
          ordered_on=date(2026, 9, 28), status="delivered"),
    Order(order_id="D-2047", item="kettle", quantity=1, paid_cents=6450, country="DE",
          ordered_on=date(2026, 11, 12), status="packing"),
)  # fmt: skip
