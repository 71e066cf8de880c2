"""SIGKILL at any moment: nothing that was answered is lost, nothing that was durable is asked again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minference_core.engine.history import journal_files
from minference_core.store.read import connect
from tests.conftest import Pipeline, Row, write_specs
from tests.e2e.one_partition import hold, partition
from tests.e2e.processes import durable, get_ready, journal_records, log_lines, start, was_killed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
KILLS = 50
ROWS: list[Row] = [
    {"thread_key": f"t{n}", "user_turns": [f"First question {n}?", f"And then, {n}?"], "samples": 1 + n % 2}
    for n in range(16)
]
LOOPS: list[Row] = [
    {
        "thread_key": f"loop{n}",
        "user_turns": [f"Add up {n} and 1.", "Double it."],
        "response_format": "auto_tools",
        "tools": ["double", "add"],
    }
    for n in range(12)
]

# What must be the same however often the run was killed. Times, runs and the provider's own ids may differ.
SAME = {
    "versions": "select kind, id, parent_id, version_no from entity_version order by 1, 2",
    "said": "select thread_id, messages from transcripts order by 1",
    "answers": """
        select lineage_id, request_key, in_thread_id, out_thread_id, out_message_id, finish_reason,
               prompt_tokens, completion_tokens, cost_usd
        from exchange where status_code = 200 and out_thread_id is not null order by all""",
    "heads": "select lineage_id, id from thread_current order by all",
}


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """What they are all forked from is there before the first of them is timed."""
    get_ready()


def finish(data: Path, url: str) -> float:
    """Run it to its end; how long that took."""
    started = time.monotonic()
    process = start(hold, data, url)
    process.join(120)
    assert process.exitcode == 0
    return time.monotonic() - started


def tables(made: Pipeline) -> dict[str, list[Any]]:
    with connect(made.store.published) as con:
        return {name: con.execute(sql).fetchall() for name, sql in SAME.items()}


def kill_until_done(made: Pipeline, log: Path, url: str, moment_s: Callable[[], float]) -> int:
    """
    Run a partition again and again, killed each time, until a run comes to its end first.

    Returns how often it was killed. After each kill, what is durable by then must never be sent again.
    """
    known_by: list[tuple[int, set[str]]] = []
    while True:
        process = start(hold, made.data, url)
        process.join(moment_s())
        process.kill()
        process.join()
        known_by.append((len(log_lines(log)), durable(made.journal)))
        if process.exitcode == 0:
            break
        assert was_killed(process)
    sent = log_lines(log)
    for seen_by_then, known in known_by:
        assert not known & {line["client_request_id"] for line in sent[seen_by_then:]}
    return len(known_by) - 1


def test_fifty_kills_lose_nothing_and_ask_nothing_twice_that_was_durable(
    tmp_path: Path, simulator: Callable[..., str]
) -> None:
    undisturbed = partition(tmp_path / "undisturbed")
    write_specs(undisturbed.specs, ROWS)
    whole_s = finish(undisturbed.data, simulator(latency_ms=40))
    expected = tables(undisturbed)
    moments = random.Random(2026)

    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        log = tmp_path / f"log-{rounds}"
        made = partition(tmp_path / f"killed-{rounds}")
        write_specs(made.specs, ROWS)
        url = simulator(latency_ms=40, log=log)
        # Most of them early, when many have to be asked still.
        kills += kill_until_done(made, log, url, lambda: moments.triangular(0.0, 0.9, 0.15) * whole_s)

        sent = [line["client_request_id"] for line in log_lines(log)]
        uncertain = sum(row["uncertain"] for row in made.exchange_rows())
        assert len(sent) - len(set(sent)) <= uncertain
        assert tables(made) == expected
        assert not [path for path in (made.data / "inbox").iterdir() if not path.name.startswith(".tmp-")]


def test_a_call_whose_result_is_on_disk_is_never_run_again(
    tmp_path: Path, simulator: Callable[..., str]
) -> None:
    """The versions may differ: a request that is sent again gets other ids of calls."""
    undisturbed = partition(tmp_path / "undisturbed")
    write_specs(undisturbed.specs, LOOPS)
    whole_s = finish(undisturbed.data, simulator(latency_ms=100))
    made = partition(tmp_path / "killed")
    write_specs(made.specs, LOOPS)
    log, moments = tmp_path / "log", random.Random(2026)

    kills = kill_until_done(
        made, log, simulator(latency_ms=100, log=log), lambda: moments.uniform(0.0, 0.8) * whole_s
    )

    tools = [record for record in journal_records(made.journal) if record["kind"] == "tool"]
    ran = [(record["request_key"], record["tool_call_id"]) for record in tools]
    assert kills > 0
    assert len(ran) == len(set(ran)) > 0
    with connect(made.store.published) as store:
        heads = store.execute("select count(*), count(error_class) from thread_current").fetchall()
        unpaired = """
            select count(*) from (
                select tool_call_id, content from message_version where role = 'tool'
                except select tool_call_id, result from tool_run
            )"""
        assert (heads, store.execute(unpaired).fetchall()) == ([(len(LOOPS), 0)], [(0,)])


def test_a_killed_run_leaves_no_lock_behind(tmp_path: Path, simulator: Callable[..., str]) -> None:
    made = partition(tmp_path / "data")
    write_specs(made.specs, ROWS[:8])
    url = simulator(latency_ms=3_000)
    process = start(hold, made.data, url)
    while not journal_files(made.journal) or not journal_files(made.journal)[0].stat().st_size:
        assert process.is_alive()
        time.sleep(0.05)

    process.kill()
    process.join()

    finish(made.data, simulator())
    assert len(made.exchange_rows()) == 12 * 2 + sum(row["uncertain"] for row in made.exchange_rows())


def test_the_command_itself_is_killed_and_run_again(tmp_path: Path, simulator: Callable[..., str]) -> None:
    """`minference run` on a day of the samples, Dagster and all: killed in the middle three times."""
    data, day, dataset = tmp_path / "data", "2026-11-16", "support_replies"
    shutil.copytree(ROOT / "data" / "thread_specs" / dataset / day, data / "thread_specs" / dataset / day)
    log = tmp_path / "log"
    settings = {
        "MINFERENCE_DATA": str(data),
        "DAGSTER_HOME": str(tmp_path / "home"),
        "MINFERENCE_SIMULATOR": simulator(latency_ms=400, log=log),
    }
    command = [str(Path(sys.executable).with_name("minference")), "run", dataset, day]
    made = Pipeline(data=data, dataset=dataset)
    known_by: list[tuple[int, set[str]]] = []
    for answers in (10, 40, 70):
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings})
        while len(durable(made.journal)) < answers:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        known_by.append((len(log_lines(log)), durable(made.journal)))

    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, text=True, capture_output=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "56 of them complete" in done.stdout
    for seen_by_then, known in known_by:
        assert not known & {line["client_request_id"] for line in log_lines(log)[seen_by_then:]}
    answered = [line["client_request_id"] for line in log_lines(log) if line["status"] == 200]
    uncertain = sum(row["uncertain"] for row in made.exchange_rows())
    assert len(answered) - len(set(answered)) <= uncertain
    with connect(made.store.published) as con:
        assert con.execute("select count(*) from thread_current").fetchall() == [(56,)]
        assert con.execute("select count(*) from failures").fetchall() == [(0,)]
