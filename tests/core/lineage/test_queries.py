from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb

from minference_core.lineage.queries import (
    Line,
    Origin,
    TreeNode,
    UsageDay,
    VersionRef,
    ancestors,
    lineage_tree,
    provenance,
    transcript,
    usage_daily,
)

from .small_store import IDS, at


def naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def test_transcript(connection: duckdb.DuckDBPyConnection) -> None:
    lines = transcript(connection, IDS["a2"])

    assert [line.pos for line in lines] == [0, 1, 2, 3, 4]
    assert lines[0] == Line(0, "system", "Be brief.", IDS["p1"])
    assert lines == transcript(connection, str(IDS["a2"]))
    assert transcript(connection, IDS["A"]) == []


def test_ancestors(connection: duckdb.DuckDBPyConnection) -> None:
    assert ancestors(connection, IDS["a1"]) == [
        VersionRef(0, "ChatThread", IDS["a1"], IDS["a0"], 1, naive(at(10))),
        VersionRef(1, "ChatThread", IDS["a0"], None, 0, naive(at(0))),
    ]


def test_lineage_tree(connection: duckdb.DuckDBPyConnection) -> None:
    nodes = lineage_tree(connection, IDS["D"])

    assert nodes[1] == TreeNode(1, f"  {str(IDS['d1'])[-8:]}", "ChatThread", IDS["d1"], IDS["d0"], 1)
    assert [node.id for node in nodes] == [IDS["d0"], IDS["d1"], IDS["d0x"]]


def test_provenance(connection: duckdb.DuckDBPyConnection) -> None:
    assert provenance(connection, IDS["r1"]) == [
        Origin(
            kind="ChatMessage",
            id=IDS["r1"],
            dataset="sales",
            partition_key="2026-01-01",
            generation=1,
            thread_key="a",
            request_key=IDS["k-a1"],
            attempt=2,
            model="gpt-4.1-mini",
            status_code=200,
            price_id="prices-1",
            cost_usd=Decimal("0.0012"),
            run_id="run-1",
            recorded_by_run_id="run-1",
        )
    ]


def test_usage_daily(connection: duckdb.DuckDBPyConnection) -> None:
    days = usage_daily(connection)

    assert days[0] == UsageDay(
        date(2026, 1, 1), "openai", "gpt-4.1-mini", False, 4, 6, 4, 37, 107, Decimal("0.003"), 0
    )
    assert len(days) == 4
