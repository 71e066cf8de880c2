"""The command line, as it is typed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minference_assets import cli, definitions, loading, questions
from minference_assets.settings import SIMULATOR_VARIABLE
from minference_core.store import connect
from tests.assets.conftest import put_specs
from tests.conftest import specs

DAYS = ("2026-11-16", "2026-11-17")
DATASET = "support_replies"
ROOT = Path(__file__).resolve().parents[2]

Type = Callable[..., tuple[int, str]]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Type:
    """Type a command; gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["minference", *arguments])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main()
        finally:
            signal.signal(signal.SIGTERM, before)
        said = capsys.readouterr()
        return int(ended.value.code or 0), re.sub(r"\s+", " ", said.out + said.err)

    return typed


@pytest.fixture
def own_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    The datasets' files, to be changed.

    In a package of its own: Dagster finds the files by the package's name, which is taken by ours.
    """
    package = tmp_path / f"{tmp_path.name}_package"
    shutil.copytree(ROOT / "minference_assets" / "defs", package / "defs")
    (package / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "{package.name}"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loading, "DEFINITIONS", package / "defs")
    monkeypatch.setattr(definitions, "_PACKAGE", package)
    return package / "defs"


def test_a_run_shows_its_plan_and_its_result_and_a_second_sends_nothing(type_in: Type, data: Path) -> None:
    put_specs(data, specs(3), *DAYS, dataset=DATASET)

    code, first = type_in("run")
    again_code, again = type_in("run", DATASET, "--from", DAYS[0], "--to", DAYS[1])

    assert (code, again_code) == (0, 0), first + again
    assert "No provider is configured" in first
    assert first.index("Plan") < first.index("Result") < first.index("from transcript(")
    assert "6, 6 of them complete" in first
    assert "from lineage_tree(" in first
    assert str(data) in first
    assert "Nothing was sent" not in first
    assert re.search(r"429s 0 latency p50 \d+\.\d\d s, p99 \d+\.\d\d s", first)
    assert "Nothing was sent" in again
    assert "429s" not in again


def test_a_fresh_run_asks_again_and_keeps_what_was_there(type_in: Type, data: Path) -> None:
    put_specs(data, specs(2), dataset=DATASET)
    type_in("run")

    code, said = type_in("run", DATASET, DAYS[0], "--fresh")

    assert code == 0
    assert "2 sent by this run" in said
    with connect(data / "minference.duckdb") as store:
        assert store.execute("select count(*), count(distinct generation) from exchange").fetchall() == [
            (4, 2)
        ]


def test_a_plan_spends_nothing(type_in: Type, data: Path) -> None:
    put_specs(data, specs(2), dataset=DATASET)

    code, said = type_in("plan", DATASET)

    assert code == 0
    assert f"{DATASET} {DAYS[0]} 2 0 0 0" in said
    assert not list(data.glob("journal/**/*.jsonl"))


def test_a_plan_counts_the_answers_that_a_run_would(type_in: Type, data: Path) -> None:
    """Nothing is configured, so a run would ask the simulator, and use what it has said already."""
    put_specs(data, specs(2), dataset=DATASET)
    type_in("run", DATASET)

    assert f"{DATASET} {DAYS[0]} 0 2 0 0" in type_in("plan", DATASET)[1]


def test_what_there_is_can_be_looked_at(type_in: Type, data: Path) -> None:
    put_specs(data, specs(1), dataset=DATASET)
    type_in("run")
    with connect(data / "minference.duckdb") as store:
        ((version, lineage),) = store.execute("select id, lineage_id from thread_current").fetchall()

    assert f"{DATASET} {DAYS[0]} yes yes 1" in type_in("status")[1]
    assert "Tell me about topic 0." in type_in("show", str(version))[1]
    assert type_in("show", str(lineage)) == type_in("show", str(version))
    assert "ChatThread" in type_in("lineage", str(version))[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run", "nope"], "no dataset is named nope", id="unknown dataset"),
        pytest.param(["run", DATASET, "2026-11-15"], "no thread specs", id="no specs"),
        pytest.param(
            ["run", DATASET, "--from", "2020-01-01"], "no partition 2020-01-01", id="before the start"
        ),
        pytest.param(["run", DATASET, DAYS[0], "--from", DAYS[0]], "not both", id="two ways to choose"),
        pytest.param(["run"], "there are no thread specs to run", id="nothing at all"),
        pytest.param(["show", "abc"], "not a valid UUID", id="not an id"),
        pytest.param(["simulate", "--fault", "gremlins=1"], "gremlins", id="unknown fault"),
        pytest.param(["simulate", "--storm", "429=10s"], "NAME=LENGTH/PERIOD", id="half a storm"),
        pytest.param(["simulate", "--overload-after", "3"], "how many slots", id="a line for nothing"),
        pytest.param(["new", "dataset", "My Data"], "small letters", id="bad name"),
        pytest.param(["new", "dataset", "mine", "--from", "soon"], "write it as 2026-11-16", id="no day"),
        pytest.param(
            ["new", "dataset", "mine", "--named", "--from", DAYS[0]], "leave out one", id="named, with a day"
        ),
        pytest.param(["frobnicate"], "No such command", id="unknown command"),
    ],
)
def test_bad_input_is_exit_2_and_says_why(type_in: Type, arguments: list[str], words: str) -> None:
    code, said = type_in(*arguments)

    assert code == 2
    assert words in said


def test_threads_without_an_answer_are_exit_1(
    type_in: Type, data: Path, simulated: Callable[..., str]
) -> None:
    simulated(faults={"400": 1.0})
    put_specs(data, specs(2), dataset=DATASET)

    code, said = type_in("run")

    assert code == 1
    assert "Failures 2 bad_request: " in said
    assert "2 threads got no answer. Asking the same again would be refused again" in said


def test_a_missing_key_is_told_of_before_and_after(
    type_in: Type, data: Path, simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_ENDPOINT", simulator() + "/vllm")
    own = {"thread_key": "own", "prompt": "Hi.", "client": "vllm", "model": "Qwen/Qwen3-32B"}
    other = {"thread_key": "other", "prompt": "Hi.", "client": "anthropic", "model": "claude-haiku-4-5"}
    put_specs(data, [*specs(2), own, other], dataset=DATASET)

    code, said = type_in("run")

    assert code == 1
    assert "anthropic has no key: its 1 threads will get no answer. Set ANTHROPIC_API_KEY." in said
    assert "openai has no key: its 2 threads will get no answer. Set OPENAI_API_KEY." in said
    assert re.search("3 auth: anthropic needs .*ANTHROPIC_API_KEY.*; openai needs .*OPENAI_API_KEY", said)
    assert "3 threads got no answer. Mend what is named above" in said
    assert "export OPENAI_API_KEY" not in said


def test_what_the_simulator_cost_is_not_what_was_paid(type_in: Type, data: Path) -> None:
    put_specs(data, specs(2), dataset=DATASET)

    _, said = type_in("run")
    _, status = type_in("status")

    assert re.search(r"dollars \$0\.\d+ simulated, \$0 paid", said)
    with connect(data / "minference.duckdb") as store:
        ((cost,),) = store.execute("select sum(cost_usd) from exchange").fetchall()
    assert f"{DATASET} {DAYS[0]} yes yes 2 ${cost:.4f}" in status
    assert questions.partitions_in_store(data / "minference.duckdb") == {
        (DATASET, DAYS[0]): questions.Standing(threads=2, failed=0, paid_usd=None, simulated_usd=cost)
    }


def test_a_damaged_day_is_exit_1_and_the_other_is_done(
    type_in: Type, data: Path, simulated: Callable[..., str]
) -> None:
    simulated()
    put_specs(data, specs(2), *DAYS, dataset=DATASET)
    (data / "thread_specs" / DATASET / DAYS[0] / "part-0.parquet").write_bytes(b"not Parquet")

    code, said = type_in("run")

    assert code == 1
    assert f"1 cannot be read and are skipped: {DAYS[0]}: " in said
    assert "2, 2 of them complete" in said
    assert type_in("plan")[0] == 1


def test_folders_that_belong_to_nothing_are_named(type_in: Type, data: Path) -> None:
    put_specs(data, specs(1), dataset=DATASET)
    put_specs(data, specs(1), "2026-11-1", dataset=DATASET)
    put_specs(data, specs(1), dataset="suport_replies")

    for command in ("status", "plan"):
        code, said = type_in(command)

        assert code == 0
        assert f"2026-11-1 is no partition of {DATASET}; there are 2026-11-16 to " in said
        assert "suport_replies is of no dataset; there are order_desk, review_labels, support_replies" in said


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        yield busy.getsockname()[1]


@pytest.mark.parametrize("command", ["simulate", "ui"])
def test_a_port_that_is_taken_is_exit_2_and_one_line(type_in: Type, taken_port: int, command: str) -> None:
    code, said = type_in(command, "--port", str(taken_port))

    assert code == 2
    assert said == (
        f"Error: 127.0.0.1:{taken_port} is in use: choose another port with --port, "
        "or end what is using this one "
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(("hour: 6", "hour: 26"), "less than or equal to 23", id="refused by the schema"),
        pytest.param(("2026-11-16", "soon"), 'start_date is "soon"', id="refused by us"),
        pytest.param(("{hour: 6}", "{hour: 6"), "expected ',' or '}'", id="no YAML"),
        pytest.param(("budget_usd", "budget"), "budget", id="unknown field"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong_in_it(
    type_in: Type, own_definitions: Path, change: tuple[str, str], words: str
) -> None:
    file = own_definitions / "review_labels" / "defs.yaml"
    file.write_text(file.read_text().replace(*change))

    code, said = type_in("status")
    sick, found = type_in("doctor")

    assert code == 2
    assert said.startswith("Error: the datasets cannot be loaded: ")
    assert "review_labels/defs.yaml" in said
    assert words in said
    assert "Traceback" not in said
    assert sick == 1
    assert "look definitions load the datasets cannot be loaded: " in found


def test_the_doctor_makes_nothing(
    type_in: Type, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = type_in("doctor")

    assert code == 0, said
    assert "definitions load order_desk, review_labels, support_replies" in said
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_use_is_told_of_but_is_an_answer(
    type_in: Type, data: Path, simulated: Callable[..., str]
) -> None:
    simulated(faults={"refusal": 1.0})
    put_specs(data, specs(2), dataset=DATASET)

    code, said = type_in("run")

    assert code == 0
    assert "2 refusal" in said


def test_the_doctor_names_variables_and_never_shows_a_key(
    type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    code, said = type_in("doctor")

    assert code == 0, said
    assert "OPENAI_API_KEY set" in said
    assert "secret" not in said


def test_a_new_dataset_is_one_file(type_in: Type, tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "pyproject.toml").touch()

    code, said = type_in("new", "dataset", "mine", "--from", DAYS[0])

    assert code == 0
    assert (tmp_path / "minference_assets" / "defs" / "mine" / "defs.yaml").is_file()
    assert "minference plan mine" in said


@pytest.mark.slow
def test_terminating_a_run_keeps_every_answer_and_the_next_run_sends_the_rest(
    data: Path, simulated: Callable[..., str], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    url = simulated(latency_ms=700, log=log)
    put_specs(
        data,
        [
            {**row, "user_turns": [f"One, {n}.", "Two.", "Three."], "prompt": None}
            for n, row in enumerate(specs(5))
        ],
        dataset=DATASET,
    )
    command = [sys.executable, "-m", "minference_assets.cli", "run"]
    environment = {**os.environ, SIMULATOR_VARIABLE: url}

    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    _wait_until(lambda: log.exists() and log.read_text().count("\n") >= 5)
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)
    sent = log.read_text().count("\n")
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert running.returncode == 1
    assert "stopped on request" in said
    assert 5 <= sent < 15
    assert ended.returncode == 0, ended.stdout
    assert log.read_text().count("\n") == 15


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ── forks ─────────────────────────────────────────────────────────────────────


def test_a_fork_is_a_partition_of_its_own_that_is_planned_and_run(type_in: Type, data: Path) -> None:
    put_specs(data, specs(3), dataset=DATASET)
    type_in("run", DATASET)
    select = "select id from thread_current where thread_key <> 't0001'"

    code, said = type_in(
        "fork", DATASET, DAYS[1], "--select", select, "--model", "gpt-4.1", "--prompt", "Why?"
    )
    twice_code, twice = type_in("fork", DATASET, DAYS[1], "--select", select)
    run_code, ran = type_in("run", DATASET, DAYS[1])

    assert code == 0, said
    assert "wrote 2 forks" in said
    assert f"plan {DATASET} {DAYS[1]}" in said
    assert (twice_code, "is there already" in twice) == (2, True)
    assert run_code == 0, ran
    with connect(data / "minference.duckdb") as store:
        pair = f"compare('{DATASET}/{DAYS[0]}', '{DATASET}/{DAYS[1]}')"
        models = store.execute(f"select b_model, count(*) from {pair} group by 1 order by 2").fetchall()  # noqa: S608
    assert models == [(None, 1), ("gpt-4.1", 2)]


def test_a_fork_into_nowhere_says_why(type_in: Type) -> None:
    wrong = {
        ("nobody", DAYS[1]): "no dataset is named nobody",
        (DATASET, "1999-01-01"): "has no partition 1999-01-01",
        (DATASET, DAYS[1], "--set", "seed"): "COLUMN=VALUE",
    }
    for arguments, what in wrong.items():
        code, said = type_in("fork", *arguments, "--select", "select 1 as id")
        assert (code, what in said) == (2, True), said


# ── budgets ───────────────────────────────────────────────────────────────────


def test_a_commands_budget_holds_all_its_partitions_and_what_is_left_is_asked_when_there_is_room(
    type_in: Type, data: Path
) -> None:
    put_specs(data, specs(20, max_tokens=60), *DAYS, dataset=DATASET)

    code, said = type_in("run", DATASET, "--budget-tokens", "1000")
    with connect(data / "minference.duckdb") as store:
        (spent,) = (
            store.execute("select sum(prompt_tokens + completion_tokens) from exchange").fetchone() or ()
        )
        left = "select count(*) from failures where error_class = 'budget'"
        (undone,) = store.execute(left).fetchone() or ()
    again_code, again = type_in("run", DATASET)

    assert code == 1
    assert 500 < spent <= 1000
    assert f"{undone} budget: the budget of" in said
    assert f"{undone} threads got no answer. Raise the budget and run it again" in said
    assert again_code == 0, again
    assert f"{undone} sent by this run" in again


@pytest.mark.parametrize("amount", ["0", "-1", "much", "nan"])
def test_a_budget_that_is_none_is_refused(type_in: Type, data: Path, amount: str) -> None:
    put_specs(data, specs(1), dataset=DATASET)

    code, said = type_in("run", DATASET, "--budget-usd", amount)

    assert code == 2
    assert "--budget-usd" in said


def test_what_is_left_of_a_datasets_budgets_can_be_looked_at(
    type_in: Type, data: Path, own_definitions: Path
) -> None:
    """By dataset, for ever and of today; what the simulator "cost" apart."""
    file = own_definitions / DATASET / "defs.yaml"
    caps = "  budgets:\n    dataset: {usd: 25}\n    day: {tokens: 100000}\n"
    file.write_text(file.read_text().rstrip("\n") + "\n" + caps)
    put_specs(data, specs(3, max_tokens=60), dataset=DATASET)

    empty = type_in("budgets")
    ran, said = type_in("run", DATASET)
    code, spent = type_in("budgets")
    with connect(data / "minference.duckdb") as store:
        usd, tokens = (
            store.execute(
                "select sum(cost_usd), sum(prompt_tokens + completion_tokens) from exchange"
            ).fetchone()
            or ()
        )

    assert (ran, code) == (0, 0), said
    assert f"{DATASET} all runs $25.00 $0.00 $0.00 $25.00 {DATASET} today 100,000 tokens 0 tokens" in empty[1]
    assert "simulated" not in empty[1]
    assert f"{DATASET} all runs, simulated $25.00 ${usd:.4f} $0.00" in spent
    assert f"{DATASET} today, simulated 100,000 tokens {tokens:,} tokens 0 tokens" in spent
    assert f"{DATASET} all runs $25.00 $0.00" in spent


def test_without_budgets_it_is_said_how_to_have_one(type_in: Type, data: Path) -> None:
    code, said = type_in("budgets")

    assert code == 0
    assert "no dataset has a budget" in said


# ── asking again what failed ──────────────────────────────────────────────────


def test_chosen_failures_are_asked_again_with_another_model_and_the_rest_is_left(
    type_in: Type, data: Path
) -> None:
    put_specs(data, [*specs(2, max_tokens=1), *specs(1, thread_key="fine", max_tokens=900)], dataset=DATASET)
    assert "2 truncated" in type_in("run", DATASET)[1]

    code, said = type_in(
        "run", DATASET, "--retry-errors", "truncated,timeout", "--model", "gpt-4.1", "--max-tokens", "900"
    )

    assert code == 0, said
    assert "3, 3 of them complete" in said
    assert "1 threads needed nothing sent" in said
    assert "Nothing was sent" in type_in("run", DATASET)[1]
    with connect(data / "minference.duckdb") as store:
        models = "select model, count(*) from exchange group by 1 order by 1"
        assert dict(store.execute(models).fetchall())["gpt-4.1"] == 2


def test_a_class_that_nobody_has_or_knows_is_said_with_what_there_is(type_in: Type, data: Path) -> None:
    put_specs(data, specs(2, max_tokens=1), dataset=DATASET)
    type_in("run", DATASET)

    nobody, said = type_in("run", DATASET, "--retry-errors", "timeout")
    unknown, problem = type_in("run", DATASET, "--retry-errors", "timeouts")
    alone, why = type_in("run", DATASET, "--model", "gpt-4.1")
    both, choose = type_in("run", DATASET, "--retry-errors", "all", "--fresh")

    assert "nothing to retry: no conversation ended with timeout; there are 2 truncated" in said
    assert "no error class is named timeouts: there are rate_limit," in problem
    assert "model goes with retry_errors: say which failures" in why
    assert "choose one" in choose
    assert (nobody, unknown, alone, both) == (2, 2, 2, 2)
