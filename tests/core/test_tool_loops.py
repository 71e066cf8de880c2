"""Loops of a dataset: tools, workflows, several turns and repairs, on all three wire formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from minference_core.entities import EntityRegistry
from minference_core.export import write_transcripts
from minference_core.lineage import EntityStore
from minference_core.requests import prepare
from minference_core.specs import SpecDefaults, tools_of
from minference_core.store.read import connect
from minference_core.threads import ChatThread, Conversation, LLMConfig
from tests.conftest import Pipeline
from tests.core import shop_tools
from tests.core.hostile import http, server
from tests.core.scripted import Asked, Call, model

Make = Callable[..., Pipeline]
Start = Callable[..., str]

DEFAULTS = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="tests.core.shop_tools")
WIRES = {
    "chat": {"client": "openai", "model": "gpt-4.1-mini"},
    "responses": {"client": "openai", "model": "gpt-5.4-mini"},
    "messages": {"client": "anthropic", "model": "claude-haiku-5-5"},
}
# One red pixel.
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElF"
    "TkSuQmCC"
)
each_wire = pytest.mark.parametrize("wire", WIRES)


def row(wire: str, form: str = "auto_tools", **columns: Any) -> dict[str, Any]:
    asked = {"prompt": "Go on."} if "user_turns" not in columns else {}
    return {
        "thread_key": "t", **asked, **WIRES[wire], "response_format": form, "max_tokens": 1000, **columns
    }  # fmt: skip


def query(made: Pipeline, sql: str, *parameters: object) -> list[Any]:
    with connect(made.store.published) as con:
        return con.execute(sql, list(parameters)).fetchall()


def stored(made: Pipeline) -> Pipeline:
    made.versions()
    made.store.fold()
    return made


def history(made: Pipeline) -> list[tuple[str, str]]:
    """What was said, as the store has it."""
    return query(
        stored(made),
        "select role, content from transcript((select id from thread_current limit 1)) order by pos",
    )


# ── auto_tools ────────────────────────────────────────────────────────────────


def calls_then_talks(asked: Asked) -> str | list[Call]:
    assert asked.offered == ["double", "add", "broken"]
    if not asked.results:
        return [("broken", {"x": 1}), ("double", {"x": 4}), ("nobody", {}), ("add", {"x": 2})]
    return f"Done: {asked.results[1]}"


@each_wire
def test_a_loop_runs_all_calls_of_a_reply_and_goes_on_until_there_is_text(pipeline: Make, wire: str) -> None:
    with server(model(calls_then_talks)) as (url, seen):
        made = pipeline([row(wire, tools=["double", "add", "broken"])], url=url, defaults=DEFAULTS)
        report = made.run()

    assert (report.complete, report.replies, report.attempts, len(seen)) == (1, 2, 2, 2)
    assert history(made) == [
        ("user", "Go on."),
        ("assistant", ""),
        ("tool", '{"error": "Error executing broken: no luck with 1"}'),
        ("tool", '{"result": 8}'),
        ("tool", '{"error": "there is no tool nobody: there are double, add, broken"}'),
        ("tool", '{"result": 3}'),
        ("assistant", 'Done: {"result": 8}'),
    ]
    ran = query(
        made, "select tool_name, result, error, duration_ms >= 0, turn, step from tool_run order by 1"
    )
    assert ran == [
        ("add", '{"result": 3}', None, True, 1, 1),
        ("broken", None, "Error executing broken: no luck with 1", True, 1, 1),
        ("double", '{"result": 8}', None, True, 1, 1),
    ]
    assert query(made, "select turn, step from exchange order by 2") == [(1, 1), (1, 2)]
    assert query(
        made, "select count(*) from tool_run anti join tool_version on tool_id = tool_version.id"
    ) == [(0,)]


@each_wire
def test_what_the_model_thought_goes_back_with_the_results_of_its_calls(pipeline: Make, wire: str) -> None:
    with server(model(calls_then_talks)) as (url, seen):
        pipeline([row(wire, tools=["double", "add", "broken"])], url=url, defaults=DEFAULTS).run()

    again = json.loads(seen[1])
    if wire == "responses":
        assert again["input"][1] == {
            "type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "sealed-0",
        }  # fmt: skip
    elif wire == "messages":
        assert again["messages"][1]["content"][0] == {
            "type": "thinking", "thinking": "Hm.", "signature": "signed-0",
        }  # fmt: skip


def test_a_second_run_sends_nothing_and_runs_no_tool(
    pipeline: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_tools, "COUNTED", tmp_path / "ran")
    with server(model(calls_then_talks)) as (url, seen):
        made = pipeline([row("chat", tools=["double", "add", "broken"])], url=url, defaults=DEFAULTS)
        made.run()
        before = made.exchanges.read_bytes()
        report = made.run()

    assert (report.skipped, report.sent, len(seen)) == (1, 0, 2)
    assert (tmp_path / "ran").read_text() == "4\n"
    assert made.exchanges.read_bytes() == before
    assert made.plan().answered == 1


def test_tools_whose_results_are_not_on_record_are_run_again_and_nothing_is_asked_again(
    pipeline: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a SIGKILL between an answer and the results of what it calls."""
    monkeypatch.setattr(shop_tools, "COUNTED", tmp_path / "ran")
    with server(model(calls_then_talks)) as (url, seen):
        made = pipeline([row("chat", tools=["double", "add", "broken"])], url=url, defaults=DEFAULTS)
        made.run()
        undisturbed = made.exchange_rows()
        (journal,) = made.journal.glob("*.jsonl")
        lines = journal.read_text().splitlines(keepends=True)
        kept = [line for line in lines if '"tool_name":"double"' not in line]
        first_answer = next(n for n, line in enumerate(kept) if json.loads(line)["kind"] == "outcome")
        tools = [line for line in kept if json.loads(line)["kind"] == "tool"]
        journal.write_text("".join([*kept[: first_answer + 1], *tools]))

        plan = made.plan()
        report = made.run()

    assert (plan.new, plan.reasons) == (
        1,
        {"replies on record: 1; tools that the last one calls are still to be run": 1},
    )
    assert (report.complete, report.sent, len(seen)) == (1, 1, 3)
    assert (tmp_path / "ran").read_text() == "4\n4\n"
    assert [r["request_key"] for r in made.exchange_rows() if r["tool_name"] is None] == [
        r["request_key"] for r in undisturbed if r["tool_name"] is None
    ]
    assert sorted(r["tool_name"] for r in made.exchange_rows() if r["tool_name"]) == [
        "add",
        "broken",
        "double",
    ]


@each_wire
def test_a_loop_that_does_not_end_stops_at_max_steps_and_says_so(pipeline: Make, wire: str) -> None:
    def never_ends(asked: Asked) -> list[Call]:
        return [("double", {"x": len(asked.results)})]

    with server(model(never_ends)) as (url, seen):
        made = pipeline([row(wire, tools=["double"], max_steps=3)], url=url, defaults=DEFAULTS)
        report = made.run()
        again = made.run()

    assert (dict(report.failures), len(seen), again.sent) == ({"max_steps": 1}, 3, 0)
    stored(made)
    assert query(made, "select error_class, error_message from failures") == [
        ("max_steps", "not at its end after max_steps replies: raise it")
    ]
    assert query(made, "select count(*) from tool_run") == [(3,)]


@each_wire
def test_every_turn_of_several_has_a_loop_of_its_own(pipeline: Make, wire: str) -> None:
    def one_call_a_turn(asked: Asked) -> str | list[Call]:
        n = int(asked.said[-1])
        return [("double", {"x": n})] if len(asked.results) < n else f"{asked.results[-1]} it is"

    with server(model(one_call_a_turn)) as (url, seen):
        made = pipeline(
            [row(wire, tools=["double"], user_turns=["Now 1", "Now 2", "Now 3"], max_steps=2)],
            url=url,
            defaults=DEFAULTS,
        )
        report = made.run()

    assert (report.complete, len(seen)) == (1, 6)
    assert [content for role, content in history(made) if role == "assistant" and content] == [
        '{"result": 2} it is', '{"result": 4} it is', '{"result": 6} it is',
    ]  # fmt: skip
    assert query(made, "select turn, step from exchange order by 1, 2") == [
        (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2),
    ]  # fmt: skip


# ── workflow and forced tools ─────────────────────────────────────────────────


@each_wire
def test_a_workflow_calls_each_of_its_tools_once_and_in_order(pipeline: Make, wire: str) -> None:
    asked_for: list[str | None] = []

    def obeys(asked: Asked) -> list[Call]:
        asked_for.append(asked.forced)
        assert asked.offered == [asked.forced]
        arguments = {"mood": "glad", "stars": 5} if asked.forced == "label" else {"x": len(asked.results)}
        # Twice the same in one reply: the step takes one.
        return [(asked.forced or "", arguments), (asked.forced or "", arguments)]

    with server(model(obeys)) as (url, _):
        made = pipeline([row(wire, "workflow", tools=["double", "add", "label"])], url=url, defaults=DEFAULTS)
        report = made.run()

    assert asked_for == ["double", "add", "label"]
    assert (report.complete, dict(report.failures)) == (1, {})
    stored(made)
    assert query(made, "select tool_name from tool_run order by step") == [("double",), ("add",)]
    assert query(made, "select workflow_step from thread_current") == [(3,)]
    (spoken,) = transcripts(made)
    assert (spoken["complete"], json.loads(spoken["output"])) == (True, {"mood": "glad", "stars": 5})
    assert json.loads(spoken["messages"][1]["tool_calls"])[0]["name"] == "double"


@each_wire
def test_a_wrong_or_failed_call_does_not_advance_a_workflow(pipeline: Make, wire: str) -> None:
    asked_for: list[str | None] = []

    def errs_first(asked: Asked) -> str | list[Call]:
        asked_for.append(asked.forced)
        match len(asked_for):
            case 1:
                return [("add", {"x": 1})]  # another tool than the one that was asked for
            case 2:
                return [("double", {"x": "no number"})]
            case 3:
                return [("double", {"x": 3})]
        return [("add", {"x": 3})]

    with server(model(errs_first)) as (url, _):
        made = pipeline([row(wire, "workflow", tools=["double", "add"])], url=url, defaults=DEFAULTS)
        report = made.run()

    assert asked_for == ["double", "double", "double", "add"]
    assert report.complete == 1
    stored(made)
    assert query(made, "select error_class from exchange order by step") == [
        ("invalid_output",), (None,), (None,), (None,),
    ]  # fmt: skip
    assert query(made, "select tool_name, error is null from tool_run order by started_at") == [
        ("double", False), ("double", True), ("add", True),
    ]  # fmt: skip


@each_wire
def test_a_forced_tool_is_called_once_a_turn(pipeline: Make, wire: str) -> None:
    def obeys(asked: Asked) -> list[Call]:
        return [(asked.forced or "", {"x": 20, "y": 1})]

    with server(model(obeys)) as (url, seen):
        made = pipeline(
            [row(wire, "tool", forced_output="add", user_turns=["One", "Two"])], url=url, defaults=DEFAULTS
        )
        report = made.run()

    assert (report.complete, len(seen)) == (1, 2)
    assert [content for role, content in history(made) if role == "tool"] == ['{"result": 21}'] * 2


# ── repairs ───────────────────────────────────────────────────────────────────


@each_wire
def test_an_invalid_answer_is_kept_and_the_model_is_told_and_asked_again(pipeline: Make, wire: str) -> None:
    def learns(asked: Asked) -> str:
        if "cannot be used" in asked.said:
            return '{"mood": "glad", "stars": 4}'
        return '{"mood": "glad", "stars": "four"}'

    with server(model(learns)) as (url, seen):
        made = pipeline([row(wire, "structured_output", forced_output="label")], url=url, defaults=DEFAULTS)
        report = made.run()

    assert (report.complete, report.attempts, len(seen)) == (1, 2, 2)
    problem = '"four" is not of type "integer" (at /stars)'
    assert history(made) == [
        ("user", "Go on."),
        ("assistant", '{"mood": "glad", "stars": "four"}'),
        ("user", f"That cannot be used: {problem}.\n\nReply again, with valid JSON only."),
        ("assistant", '{"mood": "glad", "stars": 4}'),
    ]
    paid = """
        select error_class, error_message, completion_tokens, json_object is null from exchange order by step
    """
    assert query(made, paid) == [("invalid_output", problem, 3, True), (None, None, 3, False)]
    assert query(made, "select count(*) from invalid_outputs") == [(1,)]


def test_what_was_wrong_with_an_answer_is_still_known_when_another_generation_was_asked(
    pipeline: Make,
) -> None:
    with server(model(lambda _: "four stars")) as (url, _):
        made = pipeline(
            [row("chat", "structured_output", forced_output="label", max_repairs=0)],
            url=url,
            defaults=DEFAULTS,
        )
        made.run()
        made.generation = 1
        made.run()

    assert [(r["generation"], r["error_class"]) for r in made.exchange_rows()] == [
        (0, "invalid_output"), (1, "invalid_output"),
    ]  # fmt: skip


@pytest.mark.parametrize(("repairs", "sent"), [(0, 1), (1, 2), (3, 4)])
def test_the_model_is_asked_again_as_often_as_the_row_allows(pipeline: Make, repairs: int, sent: int) -> None:
    with server(model(lambda _: "four stars")) as (url, seen):
        made = pipeline(
            [row("chat", "structured_output", forced_output="label", max_repairs=repairs)],
            url=url,
            defaults=DEFAULTS,
        )
        plan = made.plan()
        report = made.run()
        made.run()

    assert (dict(report.failures), len(seen)) == ({"invalid_output": 1}, sent)
    assert plan.requests == 1
    assert plan.max_output_tokens == 1000 * sent


def test_a_step_whose_first_call_is_wrong_and_second_right_is_done_and_nothing_is_asked_again(
    pipeline: Make,
) -> None:
    def stammers(asked: Asked) -> list[Call]:
        return [("label", {"mood": "glad"}), ("label", {"mood": "glad", "stars": 5})]

    with server(model(stammers)) as (url, seen):
        made = pipeline([row("chat", "workflow", tools=["label"])], url=url, defaults=DEFAULTS)
        report = made.run()

    assert (report.complete, len(seen)) == (1, 1)


@each_wire
def test_a_part_of_a_reply_that_is_odd_costs_nobody_anything(pipeline: Make, wire: str) -> None:
    def odd(raw: bytes) -> bytes:
        plain = model(lambda asked: "Done." if asked.results else [("double", {"x": 1})])(raw)
        _, _, body = plain.partition(b"\r\n\r\n")
        answer = json.loads(body)
        for parts in (answer.get("output"), answer.get("content")):
            if parts is not None:
                parts.insert(0, {"type": ["odd"], "x": 1})
        return http(json.dumps(answer))

    with server(odd) as (url, _):
        made = pipeline([row(wire, tools=["double"])], url=url, defaults=DEFAULTS)
        report = made.run()

    assert (report.complete, made.plan().answered) == (1, 1)


def test_a_history_that_waits_for_an_answer_gets_it_before_the_prompt_is_put(pipeline: Make) -> None:
    given = [
        {"role": "user", "content": "Double 4.", "tool_calls": None, "tool_call_id": None},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "name": "double", "arguments": '{"x": 4}'}],
            "tool_call_id": None,
        },
        {"role": "tool", "content": "8", "tool_calls": None, "tool_call_id": "c1"},
    ]
    said: list[str] = []

    def listens(asked: Asked) -> str:
        said.append(asked.said)
        return "Yes."

    with server(model(listens)) as (url, _):
        made = pipeline([row("chat", tools=["double"], messages=given)], url=url, defaults=DEFAULTS)
        made.run()

    assert said == ["Double 4.", "Go on."]
    assert [content for _, content in history(made)] == ["Double 4.", "", "8", "Yes.", "Go on.", "Yes."]


def test_datasets_with_functions_of_one_text_each_run_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, rate in (("cheap_tools", 2), ("dear_tools", 100)):
        text = f"RATE = {rate}\n\n\ndef price(x: int) -> int:\n    return x * RATE\n\n\nTOOLS = [price]\n"
        (tmp_path / f"{name}.py").write_text(text)

    made = [tools_of(name).tools["price"] for name in ("cheap_tools", "dear_tools")]

    results = [kind(**fields).execute({"x": 1}) for kind, fields in made]
    assert results == [{"result": 2}, {"result": 100}]


# ── in the plan ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"response_format": "auto_tools", "tools": ["double", "tripple"]},
            "column tools[1] is 'tripple': the dataset registers no tool of that name (there are",
        ),
        (
            {"response_format": "structured_output", "forced_output": "double"},
            "column forced_output is 'double': that is a function, and structured_output takes a schema",
        ),
        ({"response_format": "auto_tools"}, "response_format is auto_tools: set tools"),
        (
            {"response_format": "text", "tools": ["add"]},
            "tools are for response_format auto_tools and workflow",
        ),
        ({"response_format": "tool"}, "response_format is tool: set output_schema"),
        (
            {"response_format": "workflow", "tools": ["add"], "user_turns": ["a", "b"]},
            "a workflow is one turn",
        ),
        (
            {"response_format": "workflow", "tools": ["add"] * 3, "max_steps": 2},
            "the workflow has 3 tools and max_steps is 2: raise it",
        ),
    ],
)
def test_a_row_that_asks_for_what_is_not_there_is_invalid_with_column_and_remedy(
    pipeline: Make, columns: dict[str, Any], reason: str
) -> None:
    asked = {} if "user_turns" in columns else {"prompt": "x"}
    made = pipeline([{"thread_key": "t", **asked, **columns}], defaults=DEFAULTS)

    assert made.plan().invalid == 1
    assert reason in made.request_rows()[0]["reason"]


def test_a_tool_that_cannot_be_offered_is_found_before_a_workflow_begins(
    pipeline: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    listed = "from pydantic import RootModel\n\nclass Rows(RootModel[list[int]]):\n    pass\n\n\n"
    (tmp_path / "odd_tools.py").write_text(
        f"{listed}def one(x: int) -> int:\n    return x\n\n\nTOOLS = [one, Rows]\n"
    )
    defaults = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="odd_tools")
    made = pipeline([row("chat", "workflow", tools=["one", "rows"])], defaults=defaults)

    assert made.plan().invalid == 1
    assert "tools: the schema of rows is of type array" in made.request_rows()[0]["reason"]


def test_a_loop_is_priced_from_one_reply_to_max_steps(pipeline: Make) -> None:
    rows = [
        {**row("chat", tools=["double"], max_steps=5), "thread_key": "loop"},
        {**row("chat", "text"), "thread_key": "text"},
    ]
    made = pipeline(rows, defaults=DEFAULTS)
    made.plan()

    loop, text = made.request_rows()
    assert loop["cost_high_usd"] > 5 * text["cost_high_usd"]
    assert loop["cost_low_usd"] < loop["cost_high_usd"] / 10


# ── afterwards ────────────────────────────────────────────────────────────────


def transcripts(made: Pipeline) -> list[dict[str, Any]]:
    report = write_transcripts(made.source, exchanges=made.exchanges, target_folder=made.data / "out")
    return [json.loads(line) for line in report.files[1].read_text().splitlines()]


@pytest.fixture
def every_scenario(pipeline: Make, simulator: Start) -> Pipeline:
    """Loops, workflows, schemas and several turns on all three wire formats, held with the simulator."""
    rows = []
    for wire in WIRES:
        rows += [
            {
                **row(wire, tools=["double", "add"], user_turns=["Add up.", "Und noch einmal?"]),
                "meta_n": "auto",
            },
            {**row(wire, "workflow", tools=["double", "add", "label"]), "meta_n": "workflow"},
            {**row(wire, "tool", forced_output="label", images=[PNG]), "meta_n": "tool"},
            {**row(wire, "structured_output", forced_output="label"), "meta_n": "schema"},
        ]
    named = [{**one, "thread_key": f"t{n}", "system_prompt": "Be kind."} for n, one in enumerate(rows)]
    made = pipeline(named, url=simulator(), defaults=DEFAULTS)
    report = made.run()
    assert (report.complete, dict(report.failures)) == (12, {})
    return stored(made)


def test_every_history_read_back_from_the_store_can_be_sent_to_any_provider(every_scenario: Pipeline) -> None:
    made = every_scenario
    threads = [thread for (thread,) in query(made, "select id from thread_current")]
    with EntityRegistry().active() as registry, httpx.Client(base_url=made.url) as web:
        registry.attach(EntityStore(made.data))
        for thread_id in threads:
            for wire in WIRES.values():
                stored_thread = EntityRegistry.get(thread_id, ChatThread)
                assert stored_thread is not None
                config = LLMConfig(**wire, max_tokens=500)
                chat = stored_thread.fork(
                    llm_config=config,
                    new_message="And now?",
                    tools=[],
                    forced_output=None,
                    workflow_step=None,
                )
                request = prepare(Conversation(thread_key="t", sample=0, generation=0, thread=chat))
                headers = {**request.wire.headers, **request.authorization("sk-test")}
                answer = web.post(request.wire.path, content=request.body, headers=headers)
                assert answer.status_code == 200, (answer.text, json.loads(request.body))
        registry.detach()


def test_a_damaged_table_of_exchanges_is_replaced_by_the_next_run(pipeline: Make) -> None:
    with server(model(lambda _: "Done.")) as (url, seen):
        made = pipeline([row("chat", "text")], url=url, defaults=DEFAULTS)
        made.run()
        whole = made.exchanges.read_bytes()
        made.exchanges.write_bytes(whole[:-20])
        made.run()

    assert (made.exchanges.read_bytes(), len(seen)) == (whole, 1)
