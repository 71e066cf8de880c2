"""`minference ui`: the webserver and the daemon for real, a backfill through them, and the end of both."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from minference_core.store import connect
from tests.assets.conftest import put_specs
from tests.conftest import specs

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "thread_specs"
DAYS = ("2026-11-16", "2026-11-17")
DATASETS = ("review_labels", "support_replies")
ASSETS = ("thread_specs", "requests", "responses", "entity_versions", "transcripts")

_BACKFILL = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) { __typename ... on PythonError { message } }
}
"""
_STATES = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"

_LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
_RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def log(tmp_path: Path, simulated: Callable[..., str]) -> Path:
    """What the simulator that plays all providers was asked."""
    simulated(latency_ms=150, log=tmp_path / "requests.jsonl")
    return tmp_path / "requests.jsonl"


@pytest.fixture
def ui(data: Path, tmp_path: Path, log: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Ask]]:
    """The UI on a free port, started as a person would, in a folder whose .env must not win."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / ".env").write_text(f"MINFERENCE_DATA={tmp_path / 'elsewhere'}\n")
    command = [sys.executable, "-m", "minference_assets.cli", "ui", "--port", str(port)]
    with (tmp_path / "ui.log").open("wb") as output:
        running = subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=output, env=dict(os.environ))

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
def test_backfills_terminate_and_the_end_of_the_ui(
    ui: tuple["subprocess.Popen[bytes]", Ask], data: Path, log: Path
) -> None:
    """One start of the UI (20 s) serves three acts."""
    running, ask = ui
    shutil.copytree(SAMPLES, data / "thread_specs")
    _until(lambda: _answers(ask), seconds=120)

    _backfills_that_overlap_end_green_beside_an_open_session(ask, data)
    _terminate_drains_and_keeps_every_answer(ask, data, log)

    (child,) = _children(running.pid)
    running.send_signal(signal.SIGTERM)
    assert running.wait(90) == 0
    _until(lambda: not _has_processes(child), seconds=5)  # what was killed is gone once init has looked


def _backfills_that_overlap_end_green_beside_an_open_session(ask: Ask, data: Path) -> None:
    for name in DATASETS:
        selection = [{"path": [name, asset]} for asset in ASSETS]
        backfill = {"assetSelection": selection, "partitionNames": list(DAYS)}
        launched = ask(_BACKFILL, backfill=backfill)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess"
    published = data / "minference.duckdb"
    _until(published.exists, seconds=150)
    with duckdb.connect(str(published)) as session:  # read-write, as a person's would be
        _until(lambda: not set(_states(ask)) & {"REQUESTED", "CANCELING", "FAILING"}, seconds=200)
        assert session.execute("select count(*) > 0 from thread_current").fetchall() == [(True,)]

    assert _states(ask) == ["COMPLETED_SUCCESS"] * 2
    assert {run["status"] for run in _runs(ask)} == {"SUCCESS"}
    with connect(published) as store:
        counts = "select dataset, count(distinct partition_key), count(*) from thread_current group by 1"
        assert sorted(store.execute(counts).fetchall()) == [
            ("review_labels", 2, 121),
            ("support_replies", 2, 112),
        ]


def _terminate_drains_and_keeps_every_answer(ask: Ask, data: Path, log: Path) -> None:
    day, dataset = "2026-11-19", "support_replies"
    put_specs(data, specs(400), day, dataset=dataset)  # 8 seconds under the dataset's limit
    run = _launch(ask, dataset, day)
    _until(lambda: _answers_on_disk(data, dataset, day) > 50, seconds=120)
    ask("mutation ($run: String!) { terminateRun(runId: $run) { __typename } }", run=run)
    _until(lambda: _status(ask, run) not in ("STARTED", "CANCELING"), seconds=60)

    assert _status(ask, run) == "CANCELED"
    kept = _answers_on_disk(data, dataset, day)
    assert 50 < kept < 400
    again = _launch(ask, dataset, day)
    _until(lambda: _status(ask, again) in ("SUCCESS", "FAILURE"), seconds=120)
    assert _status(ask, again) == "SUCCESS"
    sent = Counter(line["client_request_id"] for line in map(json.loads, log.read_text().splitlines()))
    assert max(sent.values()) == 1


def _launch(ask: Ask, job: str, day: str) -> str:
    selector = {
        "repositoryLocationName": "minference_assets",
        "repositoryName": "__repository__",
        "jobName": job,
    }
    tags = [{"key": "dagster/partition", "value": day}]
    launched = ask(
        _LAUNCH, params={"selector": selector, "executionMetadata": {"tags": tags}, "runConfigData": {}}
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def _answers_on_disk(data: Path, dataset: str, day: str) -> int:
    files = (data / "journal" / dataset / day).glob("*.jsonl")
    return sum(file.read_bytes().count(b'"kind":"outcome"') for file in files)


def _status(ask: Ask, run: str) -> str:
    return next(one["status"] for one in _runs(ask) if one["runId"] == run)


def _runs(ask: Ask) -> list[dict[str, str]]:
    runs: list[dict[str, str]] = ask(_RUNS)["runsOrError"]["results"]
    return runs


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


def _has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _until(happened: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.5)
