"""A dataset from its specs to its lineage: Dagster, the engine and the simulator for real."""

import threading
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml
from filelock import FileLock

from minference_core.store import connect
from tests.assets.conftest import MINIMAL, Run, failed_checks, put_specs, shown
from tests.conftest import specs, write_specs

DAYS = ("2026-11-16", "2026-11-17")


def test_all_steps_of_two_days_in_one_run(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(4), DAYS[0])
    put_specs(data, specs(3), DAYS[1])

    result = run(dataset(), "chat", *DAYS)

    assert result.success
    assert failed_checks(result) == {}
    assert [shown(result, "responses", day)["threads"] for day in DAYS] == [4, 3]
    assert [shown(result, "requests", day)["new"] for day in DAYS] == [4, 3]
    assert [shown(result, "transcripts", day)["complete"] for day in DAYS] == [4, 3]
    with connect(data / "minference.duckdb") as store:
        assert store.execute("select count(*) from thread_current").fetchall() == [(7,)]


def test_a_second_run_sends_nothing_and_adds_nothing(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(4))
    run(dataset(), "chat", DAYS[0])

    again = run(dataset(), "chat", DAYS[0])

    assert shown(again, "requests", DAYS[0])["answered"] == 4
    answered = shown(again, "responses", DAYS[0])
    assert (answered["sent"], answered["already_answered"]) == (0, 4)
    assert shown(again, "entity_versions", DAYS[0])["fold"]["added"] == {}


def test_a_plan_above_the_budget_sends_nothing(
    dataset: Callable[..., dg.Definitions],
    run: Run,
    simulated: Callable[..., str],
    data: Path,
    tmp_path: Path,
) -> None:
    log = tmp_path / "requests.jsonl"
    simulated(log=log)
    put_specs(data, specs(4))

    result = run(dataset(MINIMAL + "budget_usd: 0.0000001\n"), "chat", DAYS[0])

    assert not result.success
    assert list(failed_checks(result)) == ["plan_is_within_budget"]
    assert shown(result, "requests", DAYS[0])["new"] == 4
    assert not log.exists() or log.read_text() == ""


def test_a_bad_row_is_told_of_and_its_neighbours_go_on(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    rows = [{**row, "temperature": 0.5} for row in specs(3)]
    rows[1]["temperature"] = 9.0
    put_specs(data, rows)

    result = run(dataset(), "chat", DAYS[0])

    assert result.success
    assert "temperature" in (failed_checks(result)["rows_are_valid"] or "")
    assert shown(result, "responses", DAYS[0])["threads"] == 2


def test_partitions_that_cannot_be_read_are_all_named(
    dataset: Callable[..., dg.Definitions], run: Run, data: Path
) -> None:
    put_specs(data, specs(1), "2026-11-17")

    result = run(dataset(), "chat", "2026-11-16", "2026-11-18")

    failure = next(e.step_failure_data for e in result.all_events if e.is_step_failure)
    assert failure.user_failure_data is not None
    text = failure.user_failure_data.description or ""
    assert "2026-11-16" in text
    assert "2026-11-18" in text


def test_failures_are_counted_by_class_and_do_not_fail_the_run(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated(faults={"400": 1.0})
    put_specs(data, specs(2))

    result = run(dataset(), "chat", DAYS[0])

    assert result.success
    assert failed_checks(result) == {
        "every_thread_was_answered": "2 threads have no complete answer: 2 bad_request"
    }


def test_a_missing_key_is_named_for_the_threads_that_need_it(
    dataset: Callable[..., dg.Definitions],
    run: Run,
    simulator: Callable[..., str],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VLLM_ENDPOINT", simulator() + "/vllm")
    put_specs(
        data, [*specs(1), {"thread_key": "own", "prompt": "Hi.", "client": "vllm", "model": "Qwen/Qwen3-32B"}]
    )

    result = run(dataset(), "chat", DAYS[0])

    assert failed_checks(result)["every_thread_was_answered"] == "1 threads have no complete answer: 1 auth"
    with connect(data / "minference.duckdb") as store:
        ((message,),) = store.execute("select error_message from failures").fetchall()
    assert "OPENAI_API_KEY" in message


def test_a_partition_that_another_run_is_asking_for_is_waited_for(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(1))
    journal = data / "journal" / "chat" / DAYS[0]
    journal.mkdir(parents=True)
    other = FileLock(journal / ".lock", thread_local=False)
    other.acquire()
    done = threading.Timer(1.0, other.release)
    done.start()

    result = run(dataset(), "chat", DAYS[0])

    done.join()
    assert result.success
    assert shown(result, "responses", DAYS[0])["threads"] == 1


def test_named_partitions_run_too(
    dataset: Callable[..., dg.Definitions],
    run: Run,
    simulated: Callable[..., str],
    data: Path,
    instance: dg.DagsterInstance,
) -> None:
    simulated()
    put_specs(data, specs(2), "pilot", "second")
    instance.add_dynamic_partitions("chat", ["pilot", "second"])
    said = {**yaml.safe_load(MINIMAL), "partitions": {"type": "named"}}

    result = run(dataset(yaml.safe_dump(said)), "chat", "pilot", "second")

    assert result.success
    assert shown(result, "responses", "second")["threads"] == 2


def test_a_folder_of_no_dataset_is_asked_with_the_same_op(
    project: dg.Definitions, instance: dg.DagsterInstance, simulated: Callable[..., str], tmp_path: Path
) -> None:
    simulated()
    write_specs(tmp_path / "mine", specs(3))
    config = {
        "dataset": "trial",
        "folder": str(tmp_path / "mine"),
        "output": str(tmp_path / "out"),
        "defaults": {"client": "openai", "model": "gpt-4.1-mini", "max_tokens": 30},
    }

    result = project.resolve_job_def("ad_hoc").execute_in_process(instance=instance, run_config=config)

    assert result.success
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "exchanges.parquet",
        "journal",
        "requests.parquet",
    ]
