"""`minference ui`: the webserver and the daemon for real, a backfill through them, and the end of both."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minference_core.store import connect
from tests.assets.conftest import put_specs
from tests.conftest import specs

DAYS = ("2026-11-16", "2026-11-17")
DATASETS = ("review_labels", "support_replies")
ASSETS = ("thread_specs", "requests", "responses", "entity_versions", "transcripts")

_BACKFILL = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) { __typename ... on PythonError { message } }
}
"""
_STATES = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ui(data: Path, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Ask]]:
    """The UI on a free port, started as a person would, in a folder whose .env must not win."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / ".env").write_text(f"MINFERENCE_DATA={tmp_path / 'elsewhere'}\n")
    command = [sys.executable, "-m", "minference_assets.cli", "ui", "--port", str(port)]
    with (tmp_path / "ui.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=dict(os.environ))

    def ask(query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        address = f"http://127.0.0.1:{port}/graphql"
        request = urllib.request.Request(address, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    try:
        yield running, ask
    finally:
        running.terminate()
        running.wait(90)


@pytest.mark.slow
def test_a_backfill_of_both_datasets_ends_green_and_the_ui_ends_with_all_its_processes(
    ui: tuple["subprocess.Popen[bytes]", Ask], data: Path
) -> None:
    running, ask = ui
    for name in DATASETS:
        put_specs(data, specs(3), *DAYS, dataset=name)
    _until(lambda: _answers(ask), seconds=120)

    for name in DATASETS:
        selection = [{"path": [name, asset]} for asset in ASSETS]
        backfill = {"assetSelection": selection, "partitionNames": list(DAYS)}
        assert (
            ask(_BACKFILL, backfill=backfill)["launchPartitionBackfill"]["__typename"]
            == "LaunchBackfillSuccess"
        )
    _until(lambda: not set(_states(ask)) & {"REQUESTED", "CANCELING", "FAILING"}, seconds=200)

    assert _states(ask) == ["COMPLETED_SUCCESS"] * 2
    with connect(data / "minference.duckdb") as store:
        counted = store.execute(
            "select dataset, count(*) from thread_current group by 1 order by 1"
        ).fetchall()
    assert counted == [("review_labels", 6), ("support_replies", 6)]

    (child,) = _children(running.pid)
    running.send_signal(signal.SIGTERM)
    assert running.wait(90) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(child, 0)


def _states(ask: Ask) -> list[str]:
    return [one["status"] for one in ask(_STATES)["partitionBackfillsOrError"]["results"]]


def _answers(ask: Ask) -> bool:
    try:
        return bool(ask("{ version }"))
    except (urllib.error.URLError, ConnectionError):
        return False


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _until(happened: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.5)
