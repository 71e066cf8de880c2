"""The ledger: what all processes on a machine share of an account's limits and of a budget."""

from minference_core.engine.ledger.budgets import Balance
from minference_core.engine.ledger.ledger import Ledger
from minference_core.engine.ledger.orders import Booking, Order, Room, Takings

__all__ = ["Balance", "Booking", "Ledger", "Order", "Room", "Takings"]
