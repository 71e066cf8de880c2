"""A dataset from its specs to its lineage: Dagster, the engine and the simulator for real."""

import threading
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
import yaml
from filelock import FileLock

from minference_assets.resources import Lake
from minference_assets.settings import SIMULATOR_VARIABLE
from minference_core.store import connect
from tests.assets.conftest import MINIMAL, Run, failed_checks, failure_of, put_specs, severities, shown
from tests.conftest import DAY, specs, write_specs

DAYS = ("2026-11-16", "2026-11-17")
ASSETS = ("thread_specs", "requests", "responses", "entity_versions", "transcripts")


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


@pytest.mark.parametrize("plays", ["a provider", "the simulator"])
def test_a_plan_above_the_budget_sends_nothing_unless_nothing_is_paid(
    dataset: Callable[..., dg.Definitions],
    run: Run,
    simulator: Callable[..., str],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plays: str,
) -> None:
    log = tmp_path / "requests.jsonl"
    url = simulator(log=log)
    paid = plays == "a provider"
    monkeypatch.setenv("OPENAI_BASE_URL" if paid else SIMULATOR_VARIABLE, url)
    put_specs(data, specs(4))

    result = run(dataset(MINIMAL + "budget_usd: 0.0000001\n"), "chat", DAYS[0])

    assert result.success != paid
    assert list(failed_checks(result)) == (["plan_is_within_budget"] if paid else [])
    assert shown(result, "requests", DAYS[0])["new"] == 4
    assert (log.read_text() if log.exists() else "").count("\n") == (0 if paid else 4)


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


def test_days_without_specs_are_skipped_and_the_others_done(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(2), "2026-11-17")
    (data / "thread_specs" / "chat" / "2026-11-18").mkdir()

    result = run(dataset(), "chat", "2026-11-16", "2026-11-18")

    assert result.success
    assert failed_checks(result) == {
        "partitions_are_readable": "2 have no thread specs and are skipped: 2026-11-16, 2026-11-18"
    }
    assert severities(result) == [dg.AssetCheckSeverity.WARN]
    assert shown(result, "responses", "2026-11-17")["threads"] == 2
    for asset in ASSETS:
        for day in ("2026-11-16", "2026-11-18"):
            assert str(shown(result, asset, day)["skipped"]).startswith("no thread specs: ")
    assert not (data / "journal" / "chat" / "2026-11-16").exists()


def test_a_damaged_day_is_an_error_that_keeps_no_other_day_from_being_done(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    """It was planned and answered before it was damaged, so everything of it but its specs is there."""
    simulated()
    put_specs(data, specs(2), *DAYS)
    run(dataset(), "chat", *DAYS)
    (data / "thread_specs" / "chat" / DAYS[0] / "part-0.parquet").write_bytes(b"PAR1 no more")
    put_specs(data, specs(3), DAYS[1])

    result = run(dataset(), "chat", *DAYS)

    assert result.success
    said = failed_checks(result)["partitions_are_readable"] or ""
    assert f"{DAYS[0]}: " in said
    assert "part-0.parquet cannot be read as Parquet" in said
    assert severities(result) == [dg.AssetCheckSeverity.ERROR]
    for asset in ASSETS:
        assert str(shown(result, asset, DAYS[0])["skipped"]).startswith("unreadable thread specs: ")
    assert shown(result, "transcripts", DAYS[1])["complete"] == 3


@pytest.mark.parametrize("job", ["chat", "chat_plan"])
def test_when_no_day_has_specs_the_run_fails_and_names_them(
    dataset: Callable[..., dg.Definitions], run: Run, job: str
) -> None:
    result = run(dataset(), job, *DAYS)

    assert not result.success
    assert "none of the partitions has thread specs" in failure_of(result)
    assert all(day in failure_of(result) for day in DAYS)


def test_answers_that_did_not_come_are_an_error_and_useless_ones_a_warning(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    put_specs(data, specs(2), *DAYS)
    simulated(faults={"400": 1.0})
    lost = run(dataset(), "chat", DAYS[0])
    simulated(faults={"refusal": 1.0})
    useless = run(dataset(), "chat", DAYS[1])

    assert severities(lost) == [dg.AssetCheckSeverity.ERROR]
    assert severities(useless) == [dg.AssetCheckSeverity.WARN]


def test_a_run_that_no_account_would_serve_fails_with_what_to_do(
    dataset: Callable[..., dg.Definitions], run: Run, data: Path, instance: dg.DagsterInstance
) -> None:
    put_specs(data, specs(2))

    result = run(dataset(), "chat", DAYS[0])

    assert not result.success
    assert "no thread got an answer. 2 auth: " in failure_of(result)
    assert "set OPENAI_API_KEY" in failure_of(result)
    (seen,) = instance.fetch_observations(dg.AssetKey(["chat", "responses"]), limit=5).records
    assert seen.partition_key == DAYS[0]


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
        "metrics",
        "requests.parquet",
    ]


def test_what_a_run_did_over_time_is_kept_and_drawn(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated(latency_ms=50)
    put_specs(data, specs(4), *DAYS)

    result = run(dataset(), "chat", *DAYS)

    for day in DAYS:
        file = Lake().metrics("chat", day, result.run_id)
        assert pq.read_table(file)["requests_sent"].to_pylist()[0] > 0
        told = shown(result, "responses", day)
        assert told["throughput"].startswith("![over time](<data:image/svg+xml,")
        assert told["latency"].startswith("![over time](<data:image/svg+xml,")
        assert told["latency_p50_s"] >= 0.05
        assert told["rate_limited"] == 0


def test_the_config_of_the_plan_has_failures_asked_again(
    data: Path, dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str]
) -> None:
    simulated()
    put_specs(
        data, [*specs(2, max_tokens=1), {"thread_key": "gone", "prompt": "x", "model": "no-such-model"}]
    )
    made = dataset()
    run(made, "chat", DAY)

    config = {"retry_errors": ["truncated"], "model": "gpt-4.1", "max_tokens": 300}
    again = run(made, "chat", DAY, config={"ops": {"chat__requests": {"config": config}}})

    plan, answers = shown(again, "requests", DAY), shown(again, "responses", DAY)
    assert (plan["asked_again"], plan["new"], plan["failed"]) == (2, 2, 1)
    assert (answers["sent"], answers["threads_failed"]) == (2, 1)
    wrong = run(made, "chat", DAY, config={"ops": {"chat__requests": {"config": {"retry_errors": ["slow"]}}}})
    assert "no error class is named slow" in failure_of(wrong)


@pytest.mark.parametrize(("said", "sent"), [("", 2), ("reuse: rows", 4), ("reuse: all", 1)])
def test_the_dataset_says_whose_answers_are_taken_over(
    data: Path,
    dataset: Callable[..., dg.Definitions],
    run: Run,
    simulated: Callable[..., str],
    said: str,
    sent: int,
) -> None:
    simulated()
    put_specs(data, [{"thread_key": f"t{n}", "prompt": "Say hello."} for n in range(2)], *DAYS)

    results = [run(dataset(f"{MINIMAL}{said}\n"), "chat", day) for day in DAYS]

    answers = [shown(result, "responses", day) for result, day in zip(results, DAYS, strict=True)]
    plans = [shown(result, "requests", day) for result, day in zip(results, DAYS, strict=True)]
    assert sum(answer["sent"] for answer in answers) == sent
    assert sum(plan["new"] for plan in plans) == sent
    assert sum(plan.get("shared", 0) for plan in plans) == 4 - sent
    assert [answer["threads_failed"] for answer in answers] == [0, 0]
