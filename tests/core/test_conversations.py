"""A partition planned and answered: the real engine over a real socket."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from minference_core.engine import LaneLimits, Progress, RunReport
from minference_core.errors import JournalBusy, PlanOutdated
from tests.conftest import Pipeline, specs, write_specs

Make = Callable[..., Pipeline]
Start = Callable[..., str]

SCHEMA = json.dumps(
    {
        "type": "object",
        "title": "label",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}, "score": {"type": "integer"}},
        "required": ["label", "score"],
        "additionalProperties": False,
    }
)


def served(log: Path) -> Counter[str]:
    """How often the simulator answered each request with 200, by the client's request id and body."""
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    return Counter(
        f"{r['client_request_id']} {r['body_sha256']}" for r in lines if r["status"] == 200 and not r["fault"]
    )


async def stopped_when(made: Pipeline, enough: Callable[[Progress], bool]) -> RunReport:
    """A run that is asked to stop as soon as its progress says so."""
    stop = asyncio.Event()

    def look(progress: Progress) -> None:
        if enough(progress):
            stop.set()

    return await made.answer(stop=stop, on_progress=look)


def test_the_plan_holds_the_exact_bodies_and_spends_nothing(pipeline: Make) -> None:
    made = pipeline([*specs(2, max_tokens=50), {"thread_key": "bad", "prompt": "x", "max_tokens": -1}])

    plan = made.plan()

    assert (plan.rows, plan.new, plan.answered, plan.failed, plan.invalid) == (3, 2, 0, 0, 1)
    first, _, bad = made.request_rows()
    assert json.loads(first["body"]) == {
        "model": "gpt-4.1-mini",
        "messages": [{"role": "user", "content": "Tell me about topic 0."}],
        "max_completion_tokens": 50,
    }
    assert (first["url_path"], first["state"], first["max_output_tokens"]) == (
        "/v1/chat/completions",
        "new",
        50,
    )
    assert 0 < first["cost_low_usd"] < first["cost_high_usd"]
    assert (bad["state"], bad["request_key"]) == ("invalid", None)
    assert "column max_tokens is -1" in bad["reason"]


def test_the_plan_prices_all_turns_and_says_how_long_the_limits_make_it(pipeline: Make) -> None:
    rows = [{"thread_key": "t", "user_turns": ["One", "Two", "Three"], "max_tokens": 1000}]
    limits = {"openai": LaneLimits(requests_per_minute=2)}

    three = pipeline(rows, limits=limits).plan()
    one = pipeline([{**rows[0], "user_turns": ["One"]}], limits=limits).plan()

    assert (three.requests, one.requests) == (3, 1)
    assert (three.max_output_tokens, one.max_output_tokens) == (3_000, 1_000)
    assert three.prompt_tokens > 3 * one.prompt_tokens
    assert three.cost_high_usd > 3 * one.cost_high_usd
    assert (three.minutes, one.minutes) == (1.5, 0.5)


def test_a_price_nobody_knows_is_said_and_not_counted_as_zero(pipeline: Make) -> None:
    plan = pipeline(specs(3, client="vllm", model="my/own")).plan()

    assert (plan.new, plan.unknown_price) == (3, 3)


def test_a_row_its_model_cannot_take_is_invalid_before_anything_is_sent(pipeline: Make) -> None:
    made = pipeline(
        [*specs(1), {"thread_key": "hot", "prompt": "x", "model": "gpt-5.4-mini", "temperature": 0.5}]
    )

    plan = made.plan()

    assert (plan.new, plan.invalid) == (1, 1)
    assert "temperature: gpt-5.4-mini on openai does not take it" in made.request_rows()[1]["reason"]


def test_every_provider_answers_text_schemas_and_several_turns(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    models = {
        "openai": "gpt-5.4-mini",
        "anthropic": "claude-haiku-5-5",
        "vllm": "Qwen/Qwen3-32B",
        "litellm": "openai/gpt-5.4-mini",
        "openrouter": "qwen/qwen3-32b",
    }
    rows: list[dict[str, Any]] = []
    for client, model in models.items():
        common = {"client": client, "model": model, "system_prompt": "Be kind.", "max_tokens": 1000}
        rows += [
            {
                **common,
                "thread_key": f"{client}-text",
                "user_turns": ["Wie geht's? 🙂", "もう一度"],
                "samples": 2,
            },
            {
                **common,
                "thread_key": f"{client}-json",
                "user_turns": ["Label it"],
                "response_format": "structured_output",
                "output_schema": SCHEMA,
                "samples": 1,
            },
        ]
    made = pipeline(rows, url=simulator(log=tmp_path / "log"))

    report = made.run()

    assert (report.threads, report.complete, report.replies, report.failures) == (15, 15, 25, {})
    assert sum(served(tmp_path / "log").values()) == 25
    assert all(row["prompt_tokens"] > 0 for row in made.exchange_rows())


def test_a_second_run_sends_nothing(pipeline: Make, simulator: Start, tmp_path: Path) -> None:
    made = pipeline(specs(20, samples=2), url=simulator(log=tmp_path / "log"))
    made.run()
    before, exchanges = served(tmp_path / "log"), made.exchanges.read_bytes()

    plan = made.plan()
    again = asyncio.run(made.answer())

    assert (plan.new, plan.answered) == (0, 40)
    assert (again.sent, again.skipped, again.complete, again.attempts) == (0, 40, 40, 40)
    assert served(tmp_path / "log") == before
    assert made.exchanges.read_bytes() == exchanges


def test_faults_are_retried_and_every_thread_still_gets_its_answer(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    faults = {"500": 0.1, "drop": 0.1, "truncate": 0.1, "429": 0.1}
    made = pipeline(specs(60), url=simulator(faults=faults, log=tmp_path / "log"), max_in_flight=60)

    report = made.run()

    assert (report.complete, report.failures) == (60, {})
    assert report.retries > 0
    assert report.sent == 60 + report.retries == len(made.exchange_rows())
    assert max(served(tmp_path / "log").values()) == 1


def test_one_bad_row_and_permanent_errors_stop_nobody_else_and_are_not_sent_again(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    rows = [
        *specs(10),
        {"thread_key": "gone", "prompt": "x", "model": "no-such-model", "max_tokens": 10},
        {"thread_key": "bad", "prompt": "x", "max_tokens": -5},
    ]
    made = pipeline(rows, url=simulator(log=tmp_path / "log"))

    report = made.run()

    assert (report.complete, report.failures) == (10, {"not_found": 1})
    (failed,) = [row for row in made.exchange_rows() if row["thread_key"] == "gone"]
    assert (failed["status_code"], failed["error_class"], failed["attempt"]) == (404, "not_found", 1)
    assert "no-such-model" in failed["error_message"]


def test_garbage_is_kept_with_the_attempt_it_was_paid_for(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(5), url=simulator(faults={"garbage": 1.0}))

    report = made.run()

    assert report.failures == {"undecodable": 5}
    assert all(row["response_body"] for row in made.exchange_rows())
    assert made.plan().failed == 5
    assert made.run().sent == 0


def test_refusals_and_cut_off_replies_are_failures_with_their_words_kept(
    pipeline: Make, simulator: Start
) -> None:
    refusing = pipeline(specs(4, user_turns=None), url=simulator(faults={"refusal": 1.0}))
    assert refusing.run().failures == {"refusal": 4}

    cut = pipeline(specs(4, max_tokens=1), url=simulator(), dataset="cut")
    assert cut.run().failures == {"truncated": 4}
    assert all("raise it" in row["error_message"] for row in cut.exchange_rows())


def test_without_a_key_nothing_is_sent_and_the_variable_is_named(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    local = {"thread_key": "local", "prompt": "x", "client": "vllm", "model": "m"}
    made = pipeline(
        [*specs(3, client=None, model=None), local], url=simulator(log=tmp_path / "log"), key=None
    )

    report = made.run()

    assert (report.complete, report.failures, report.sent) == (1, {"auth": 3}, 1)
    refused = [row for row in made.exchange_rows() if row["error_class"] == "auth"]
    assert all("OPENAI_API_KEY" in row["error_message"] and row["attempt"] == 0 for row in refused)
    made.key = "sk-now-there-is-one"
    assert made.run().complete == 4


def test_a_refused_key_stops_its_lane_and_is_nowhere_on_disk(pipeline: Make, simulator: Start) -> None:
    made = pipeline(
        specs(40), url=simulator(faults={"401": 1.0}), key="sk-very-secret-indeed", max_in_flight=4
    )

    report = made.run()

    assert report.failures == {"auth": 40}
    assert report.sent <= 4
    for file in made.data.rglob("*"):
        assert not file.is_file() or b"very-secret" not in file.read_bytes()


def test_an_unreachable_provider_is_a_failure_with_a_reason_and_is_tried_again_by_the_next_run(
    pipeline: Make, simulator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minference_core.engine import retry
    from minference_core.errors import ErrorClass

    quick = {**retry.POLICY, ErrorClass.CONNECTION: retry.Policy(2, 0.01, 0.01)}
    monkeypatch.setattr(retry, "POLICY", quick)
    made = pipeline(specs(3))

    assert made.run().failures == {"connection": 3}
    assert {row["error_class"] for row in made.exchange_rows()} == {"connection"}
    made.url = simulator()
    assert (made.plan().new, made.run().complete) == (3, 3)


def test_a_request_that_can_never_fit_its_lane_is_refused_up_front(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    rows = [*specs(2), {"thread_key": "big", "prompt": "x", "max_tokens": 70_000}]
    limits = {"openai": LaneLimits(tokens_per_minute=60_000)}
    made = pipeline(rows, url=simulator(log=tmp_path / "log"), limits=limits)

    report = made.run()

    assert (report.complete, report.failures, report.sent) == (2, {"too_large": 1}, 2)


def test_a_lane_keeps_to_its_limit_by_the_providers_own_count(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    """The simulator enforces 1,200 a minute; a lane set to 900 is never told to slow down."""
    url = simulator(requests_per_minute=1_200, log=tmp_path / "log")
    limits = {"openai": LaneLimits(requests_per_minute=900)}
    made = pipeline(specs(45), url=url, limits=limits, max_in_flight=45)

    report = made.run()

    assert (report.complete, report.retries) == (45, 0)
    assert 0.8 < report.limit_share["openai"] <= 1.05
    assert report.seconds >= 45 / (900 / 60) - 1.0


def test_being_told_to_slow_down_costs_time_and_nothing_else(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(30), url=simulator(requests_per_minute=300), max_in_flight=30)

    report = made.run()

    assert (report.complete, report.failures) == (30, {})
    assert report.retries > 0


def test_a_slow_provider_does_not_hold_up_another(pipeline: Make, simulator: Start) -> None:
    slow = [{**row, "client": "vllm", "model": "m"} for row in specs(8)]
    quick = [
        {**row, "thread_key": f"q{n}", "client": "openai", "model": "gpt-4.1-mini"}
        for n, row in enumerate(specs(8))
    ]
    limits = {"vllm": LaneLimits(requests_per_minute=120)}
    made = pipeline([*slow, *quick], url=simulator(), limits=limits, max_in_flight=2)

    made.run()

    ended = {
        client: max(row["finished_at"] for row in made.exchange_rows() if row["client"] == client)
        for client in ("vllm", "openai")
    }
    assert (ended["vllm"] - ended["openai"]).total_seconds() > 1.0


def test_a_conversation_goes_on_without_waiting_for_the_others(pipeline: Make, simulator: Start) -> None:
    rows = [{"thread_key": f"t{n}", "user_turns": [f"a{n}", f"b{n}", f"c{n}"]} for n in range(6)]
    made = pipeline(rows, url=simulator(latency_ms=150, latency_jitter=0.9), max_in_flight=6)

    made.run()

    rows_made = made.exchange_rows()
    assert min(row["sent_at"] for row in rows_made if row["turn"] == 2) < max(
        row["finished_at"] for row in rows_made if row["turn"] == 1
    )


def test_a_stop_keeps_what_is_in_flight_and_the_next_run_does_the_rest(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    made = pipeline(specs(80), url=simulator(latency_ms=200, log=tmp_path / "log"), max_in_flight=10)
    made.plan()

    report = asyncio.run(stopped_when(made, lambda progress: progress.done >= 5))

    assert report.stopped
    assert 5 <= report.complete < 80
    assert report.undone == 80 - report.complete
    assert not made.exchanges.exists()
    assert made.run().complete == 80
    assert max(served(tmp_path / "log").values()) == 1


def test_a_stop_does_not_wait_for_a_lane_that_waits(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(5), url=simulator(), limits={"openai": LaneLimits(requests_per_minute=1)})
    made.plan()

    async def stopped() -> Any:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        return await made.answer(stop=stop)

    report = asyncio.run(asyncio.wait_for(stopped(), 10))

    assert (report.complete, report.undone, report.stopped) == (1, 4, True)


def test_a_plan_of_other_specs_is_not_run(pipeline: Make) -> None:
    made = pipeline(specs(2))
    made.plan()
    write_specs(made.specs, specs(3))

    with pytest.raises(PlanOutdated, match="materialize requests again"):
        asyncio.run(made.answer())


def test_two_runs_of_one_partition_at_once_are_told_apart(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(10), url=simulator(latency_ms=200))
    made.plan()

    async def both() -> Any:
        return await asyncio.gather(made.answer(), made.answer(), return_exceptions=True)

    first, second = asyncio.run(both())

    assert first.complete == 10
    assert isinstance(second, JournalBusy)


def test_a_partly_answered_conversation_goes_on_where_it_was(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    rows = [{"thread_key": f"t{n}", "user_turns": ["a", "b", "c"]} for n in range(8)]
    made = pipeline(rows, url=simulator(latency_ms=300, log=tmp_path / "log"), max_in_flight=8)
    made.plan()

    asyncio.run(stopped_when(made, lambda progress: progress.requests_sent > 8))
    plan = made.plan()
    report = asyncio.run(made.answer())

    assert any("replies on record: " in reason for reason in plan.reasons)
    assert (report.complete, report.replies) == (8, 24)
    assert sum(served(tmp_path / "log").values()) == 24
