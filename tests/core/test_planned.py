"""What was planned is what is sent, whatever of a conversation is made for it."""

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import polars as pl
import pytest

from minference_core.conversations.kept import NEVER_ASKED
from minference_core.conversations.planned import planned_conversations
from minference_core.errors import PlanOutdated
from minference_core.requests import Answer, Attempt, PlannedRequest, prepare
from minference_core.specs import inspect_specs, read_conversations
from minference_core.threads import next_request, results_without_running
from tests.conftest import INSTANT, Pipeline, specs, write_specs
from tests.core.hostile import server
from tests.core.scripted import model
from tests.core.test_tool_loops import DEFAULTS, WIRES, each_wire, row

Make = Callable[..., Pipeline]

FORMS: dict[str, dict[str, Any]] = {
    "text": {},
    "json_object": {},
    "structured_output": {"forced_output": "label"},
    "tool": {"forced_output": "label"},
    "auto_tools": {"tools": ["label"]},
    "workflow": {"tools": ["label"]},
}


def planned(made: Pipeline, client: str = "openai") -> list[PlannedRequest]:
    return [
        one.request for one in planned_conversations(made.source, made.requests, client, unasked=NEVER_ASKED)
    ]


@each_wire
def test_a_planned_request_is_the_one_that_its_conversation_would_make(pipeline: Make, wire: str) -> None:
    rows = [
        {**row(wire, "text"), "thread_key": "a", "samples": 2, "system_prompt": "Be brief."},
        {**row(wire, "text", user_turns=["Hello.", "And?"]), "thread_key": "b", "prompt": None},
        {**row(wire, "structured_output", forced_output="label"), "thread_key": "c"},
    ]
    every: dict[str, Any] = {name: None for one in rows for name in one}
    made = pipeline([{**every, **one} for one in rows], defaults=DEFAULTS)
    made.plan()

    found = planned(made, WIRES[wire]["client"])

    conversations = [one for _, one in read_conversations(made.source) if one is not None]
    assert len(found) == len(conversations) == 4
    for request, conversation in zip(found, conversations, strict=True):
        sent = next_request(conversation, at=INSTANT)
        assert sent is not None
        own = prepare(sent)
        assert (request.key, request.name, request.body) == (own.key, own.name, own.body)
        assert (request.wire.path, request.wire.headers) == (own.wire.path, own.wire.headers)
        assert request.journal_fields == own.journal_fields
        assert (request.weight, request.client, request.model) == (own.weight, own.client, own.model)
        assert request.authorization("sk") == own.authorization("sk")
        assert request.more_turns == bool(sent.upcoming)


def test_what_is_asked_alike_is_one_config_and_what_is_not_is_another(pipeline: Make) -> None:
    made = pipeline([{**one, "max_tokens": 10 + n % 2} for n, one in enumerate(specs(6))])
    made.plan()

    standing = {id(request.conversation) for request in planned(made)}
    limits = [request.conversation.thread.llm_config.max_tokens for request in planned(made)]

    assert (len(standing), limits) == (2, [10, 11] * 3)


def test_a_row_that_says_something_else_than_was_planned_is_not_asked(pipeline: Make) -> None:
    made = pipeline(specs(3))
    made.plan()
    write_specs(made.specs, [*specs(2), {"thread_key": "t0002", "prompt": "Something else."}])

    with pytest.raises(PlanOutdated, match="changed while it was being asked"):
        planned(made)


def test_a_table_of_an_older_version_is_made_again(pipeline: Make) -> None:
    made = pipeline(specs(1))
    made.plan()
    pl.DataFrame({"request_key": ["x"]}).write_parquet(made.requests)

    with pytest.raises(PlanOutdated, match="materialize requests again"):
        asyncio.run(made.answer())


@pytest.mark.parametrize(
    ("form", "said"),
    [*product(FORMS, ["four stars", '{"mood": "glad", "stars": 4}', "call", "wrong call", "cut off", ""])],
)
def test_an_ending_is_only_foreseen_where_the_versions_end_so(pipeline: Make, form: str, said: str) -> None:
    good = {"mood": "glad", "stars": 4}
    calls: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "call": [("label", good)],
        "wrong call": [("label", {"mood": 7})],
    }
    reply = calls.get(said) or said
    columns = FORMS[form]
    for repairs, turns in product([0, 1], [["Go on."], ["Go on.", "And?"]]):
        if form == "workflow" and len(turns) > 1:
            continue
        asked = row("chat", form, max_repairs=repairs, user_turns=turns, **columns)
        made = pipeline([asked], defaults=DEFAULTS)
        made.plan()
        one = next(planned_conversations(made.source, made.requests, "openai", unasked=NEVER_ASKED))
        whole = model(lambda _: reply)(one.request.body)
        body = whole.split(b"\r\n\r\n", 1)[1].decode()
        attempt = _attempt(body.replace('"stop"', '"length"') if said == "cut off" else body)
        foreseen = Answer.of(one.request, attempt).ending(more_turns=one.request.more_turns)

        answer = Answer.of(one.request.of(one.begun()), attempt)
        assert answer.meaning.reply is not None
        assert answer.verdict is not None
        results = results_without_running(answer.request.thread, answer.meaning.reply, answer.verdict)
        step = answer.step([result for result in results if result is not None])
        goes_on = next_request(step.after, at=INSTANT) is not None
        if foreseen is None:
            assert goes_on or None in results or form in ("workflow", "auto_tools")
        else:
            assert not goes_on
            assert foreseen.failed == step.after.failed
            assert answer.verdict.error == step.error


def test_a_first_place_is_named_however_many_keys_there_are(pipeline: Make) -> None:
    rows = [{"thread_key": f"key {n}", "prompt": "Hello."} for n in range(3_000)]

    report = inspect_specs(pipeline([*rows, rows[7], {**rows[8], "prompt": "Again."}]).source)

    assert report.valid == 3_000
    assert [
        problem.reason.partition("already used in ")[2].partition(" (")[0] for problem in report.invalid
    ] == ["part-0.parquet row 8", "part-0.parquet row 9"]


def test_a_journal_of_planned_requests_is_one_of_conversations(pipeline: Make) -> None:
    """What stands in the table is what the replay makes of the specs, so the store finds every answer."""
    with server(model(lambda _: "Fine.")) as (url, seen):
        made = pipeline(specs(4), url=url)
        made.run()
    sent = [step["in_thread_id"] for step in made.exchange_rows()]

    assert sorted(sent) == sorted(one["in_thread_id"] for one in made.request_rows())
    assert len(seen) == made.versions().exchanges == 4


def _attempt(body: str) -> Attempt:
    return Attempt(
        number=1,
        status=200,
        body=body,
        error=None,
        error_message=None,
        provider_request_id=None,
        first_sent_at=INSTANT,
        finished_at=INSTANT,
    )
