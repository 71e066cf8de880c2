"""The ledger's tables, the same in SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table

__all__ = ["HOLDING", "LANE", "METADATA", "SLOT"]

METADATA = MetaData()

# One row a lane: where its lines stand (pacing.Line), in seconds on the clock that `clock` names.
LANE = Table(
    "minference_lane",
    METADATA,
    Column("account", String, primary_key=True),
    Column("clock", String, nullable=False),
    Column("free_requests", Float, nullable=False),
    Column("free_tokens", Float, nullable=False),
    Column("free_input", Float, nullable=False),
    Column("free_output", Float, nullable=False),
    Column("held_until", Float, nullable=False),
    Column("share", Float, nullable=False),
    Column("share_at", Float, nullable=False),
    Column("ceiling", Float, nullable=False),
    Column("learned_requests", BigInteger),
    Column("learned_tokens", BigInteger),
    Column("learned_input", BigInteger),
    Column("learned_output", BigInteger),
)

# One row for each process that uses a lane with a limit of requests in flight.
SLOT = Table(
    "minference_slot",
    METADATA,
    Column("account", String, primary_key=True),
    Column("holder", String, primary_key=True),
    Column("granted", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
)

# One row for each budget, unit and run: what the run has spent of it, and what it has set aside. A run that
# is over has its row added to that of the holder "". That of a run that died stays until its journal says
# what it really spent: until then what it had set aside counts as spent.
HOLDING = Table(
    "minference_holding",
    METADATA,
    Column("scope", String, primary_key=True),
    Column("unit", String, primary_key=True),
    Column("holder", String, primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", String, nullable=False),
    Column("seen_at", Float, nullable=False),
)
