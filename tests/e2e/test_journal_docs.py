"""Every query of docs/journal.md, asked of the journal of a run that is going on."""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from minference_core.specs import SpecDefaults
from tests.conftest import DAY, Pipeline, specs, write_specs

DOC = Path(__file__).resolve().parents[2] / "docs" / "journal.md"
VIEW, *QUERIES = re.findall(r"^```sql\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

# Each by what only it asks for.
PROGRESS, IN_FLIGHT, LATENCY, PER_SECOND, DOLLARS, FAILED, TOOLS = QUERIES
LOOPS = [
    {
        "thread_key": f"loop{n:03d}",
        "user_turns": [f"Add up {n} and 1.", "Double it."],
        "response_format": "auto_tools",
        "tools": ["double", "add"],
    }
    for n in range(20)
]


@pytest.fixture
def going(
    tmp_path: Path, simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], bool]]:
    """A run of the partition that the page names, for as long as the test takes; says whether it goes on."""
    monkeypatch.chdir(tmp_path)
    url = simulator(latency_ms=300, faults={"429": 0.05})
    defaults = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="tests.core.shop_tools")
    made = Pipeline(Path("data"), url, dataset="support_replies", defaults=defaults)
    write_specs(made.specs, [*LOOPS, *specs(5_000)])
    made.plan()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    run = threading.Thread(target=lambda: loop.run_until_complete(made.answer(stop=stop)))
    run.start()
    try:
        while not duckdb_rows(TOOLS) or len(duckdb_rows(PROGRESS)) < 4:
            assert run.is_alive()
            time.sleep(0.1)
        yield run.is_alive
    finally:
        loop.call_soon_threadsafe(stop.set)
        run.join()
        loop.close()


def duckdb_rows(query: str) -> list[dict[str, Any]]:
    if not list(Path("data/journal/support_replies").rglob("*.jsonl")):
        return []
    with duckdb.connect() as connection:
        connection.execute(VIEW)
        found = connection.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def command_line_rows(query: str) -> list[dict[str, Any]]:
    command = str(Path(sys.executable).with_name("duckdb"))
    out = subprocess.run(
        [command, "-json", "-c", VIEW, "-c", query], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(out or "[]")  # type: ignore[no-any-return]


@pytest.mark.parametrize("rows", [duckdb_rows, command_line_rows])
def test_every_query_of_the_page_answers_while_a_run_goes_on(
    rows: Callable[[str], list[dict[str, Any]]], going: Callable[[], bool]
) -> None:
    assert f"/{DAY}/" in VIEW

    progress = {(row["kind"], row["status"]): row["records"] for row in rows(PROGRESS)}
    in_flight, (latency,), seconds = rows(IN_FLIGHT), rows(LATENCY), rows(PER_SECOND)
    (dollars,), failed, tools = rows(DOLLARS), rows(FAILED), rows(TOOLS)

    assert going()
    assert progress["intent", None] > progress["outcome", 200] > 0
    assert 0 < len(in_flight) <= 16
    assert (latency["model"], latency["p50"] >= 0.29) == ("gpt-4.1-mini", True)
    assert latency["p50"] <= latency["p90"] <= latency["p99"]
    assert sum(row["too_fast"] for row in seconds) > 0
    assert (dollars["tokens_in"] > 0, dollars["tokens_out"] > 0, dollars["dollars"] > 0) == (True, True, True)
    assert [row["status"] for row in failed] == [429]
    assert {row["tool_name"] for row in tools} <= {"add", "double"}
