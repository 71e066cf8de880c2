"""Answers no documentation promises: each is one thread's affair, and none is paid for twice."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from minference_core.engine import Progress
from minference_core.errors import JournalError, PlanOutdated
from minference_core.requests import Answer as ReadAnswer
from tests.conftest import Pipeline, specs, write_specs
from tests.core.hostile import Answer, http, server
from tests.core.hostile_bodies import output_text, response

Make = Callable[..., Pipeline]
ODD = b"topic 0."


def reply(text: Any = "fine", **usage: Any) -> str:
    counted = {"prompt_tokens": 5, "completion_tokens": 5, **usage}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return json.dumps({"id": "x", "model": "m", "choices": [choice], "usage": counted})


def odd_one_out(odd: bytes) -> Answer:
    """The first row gets `odd`, all others a proper answer."""
    return lambda body: odd if ODD in body else http(reply())


@pytest.mark.parametrize(
    ("odd", "failure"),
    [
        pytest.param(
            http(reply(), headers="x-served-by: café\r\n"), "undecodable", id="a header that is not ASCII"
        ),
        pytest.param(
            http(reply(prompt_tokens_details={"cached_tokens": 99})), None, id="more cached than read"
        ),
        pytest.param(http(reply(completion_tokens=10**40)), None, id="an absurd count"),
        pytest.param(http(reply(prompt_tokens=2**28, completion_tokens=2**28)), None, id="large counts"),
        pytest.param(http("\ufeff" + reply()), None, id="a byte order mark"),
        pytest.param(http(reply("\ud800")), None, id="half a surrogate pair"),
        pytest.param(http("[" * 100_000), "undecodable", id="bottomless nesting"),
        pytest.param(http("<html>busy</html>"), "undecodable", id="a page instead of JSON"),
        pytest.param(http(reply("")), "invalid_output", id="nothing said"),
        pytest.param(
            http('{"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "error"}]}'),
            "undecodable",
            id="an error inside a choice",
        ),
        pytest.param(http('{"error": {"code": 403, "message": "no"}}'), "not_found", id="a 403 inside a 200"),
        pytest.param(http("", status="403 Forbidden"), "not_found", id="a 403 of one row"),
        pytest.param(
            http('{"error": {"code": "invalid_prompt", "message": "no"}}'),
            "bad_request",
            id="a word for a 400 inside a 200",
        ),
        pytest.param(
            http('{"error": {"code": "gremlins"}}'), "undecodable", id="an unknown error inside a 200"
        ),
        pytest.param(http(reply(cost=float("nan"))), None, id="a cost that is no number"),
        pytest.param(http(reply(cost=1e30)), None, id="an absurd cost"),
        pytest.param(http(json.dumps(response(output_text("fine")))), None, id="an answer of the other API"),
        pytest.param(
            http(json.dumps(response(status="queued"))), "undecodable", id="an answer that is not there yet"
        ),
    ],
)
def test_an_odd_answer_is_one_threads_affair_and_the_store_takes_it(
    pipeline: Make, odd: bytes, failure: str | None
) -> None:
    with server(odd_one_out(odd)) as (url, seen):
        made = pipeline(specs(6), url=url)
        report = made.run()
        sent = len(seen)
        made.versions()
        fold = made.store.fold()
        again = made.run()

    assert report.failures == ({failure: 1} if failure else {})
    assert report.complete == (5 if failure else 6)
    assert fold.added["exchange"] == 6
    if failure not in ("not_found",):
        assert (again.sent, len(seen)) == (0, sent)


def test_a_price_with_many_decimals_is_rounded_and_not_fatal(pipeline: Make) -> None:
    with server(lambda _: http(reply(prompt_tokens=7, completion_tokens=3))) as (url, _):
        made = pipeline(specs(3, client="openrouter", model="deepseek/deepseek-chat"), url=url)

        assert made.run().complete == 3
        assert all(row["cost_usd"] > 0 for row in made.exchange_rows())


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "405 Method Not Allowed", "413 Too Large", "404 Gone"]
)
def test_what_may_be_mended_outside_is_asked_again_by_the_next_run(pipeline: Make, status: str) -> None:
    with server(lambda _: http("<html>", status=status)) as (wrong, _):
        made = pipeline(specs(2), url=wrong)
        assert made.run().complete == 0
    with server(lambda _: http(reply())) as (right, _):
        made.url = right
        assert made.run().complete == 2


def test_a_placeholder_for_a_key_is_left_in_the_answers_it_is_a_word_of(pipeline: Make) -> None:
    with server(lambda _: http(reply("The list is EMPTY."))) as (url, _):
        made = pipeline(specs(1, client="vllm", model="m"), url=url, key="EMPTY")
        made.run()

    assert "The list is EMPTY." in made.exchange_rows()[0]["response_body"]


@pytest.mark.parametrize("key", ["sk-hun\nter2-long-enough", "sk-hünter2-long-enough"])
def test_a_key_that_can_be_none_is_refused_without_being_shown(pipeline: Make, key: str) -> None:
    made = pipeline(specs(2), key=key)

    report = made.run()

    assert (report.failures, report.sent) == ({"auth": 2}, 0)
    assert "nter2" not in str(made.exchange_rows())


@pytest.mark.parametrize("url", ["127.0.0.1:9", "ftp://h.test", "http://h.test:99999", "http://"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(pipeline: Make, url: str) -> None:
    report = pipeline(specs(2), url=url).run()

    assert (report.failures, report.sent) == ({"auth": 2}, 0)


def test_one_request_that_is_always_told_to_wait_does_not_slow_the_others(pipeline: Make) -> None:
    odd = http('{"error": {"message": "slow"}}', status="429 Too Many", headers="retry-after: 1\r\n")
    with server(odd_one_out(odd)) as (url, _):
        made = pipeline(specs(60), url=url, max_in_flight=4)
        made.plan()

        async def until_the_others_are_done() -> Any:
            stop = asyncio.Event()

            def look(progress: Progress) -> None:
                if progress.done >= 59:
                    stop.set()

            return await made.answer(stop=stop, on_progress=look)

        report = asyncio.run(asyncio.wait_for(until_the_others_are_done(), 20))

    assert report.complete == 59
    assert report.seconds < 5


def test_advice_to_wait_for_hours_ends_the_lane_and_not_each_request(pipeline: Make) -> None:
    told = http("{}", status="429 Too Many", headers="retry-after: 7200\r\n")
    with server(lambda _: told) as (url, seen):
        report = pipeline(specs(100), url=url, max_in_flight=4).run()

    assert report.failures == {"rate_limit": 100}
    assert len(seen) <= 4


def test_who_watches_the_progress_cannot_end_the_run(pipeline: Make) -> None:
    def broken(_: Progress) -> None:
        raise RuntimeError("database is locked")

    with server(lambda _: http(reply())) as (url, _):
        report = pipeline(specs(5), url=url).run(on_progress=broken)

    assert report.complete == 5


def test_specs_that_change_while_they_are_asked_are_not_sent_unplanned(pipeline: Make) -> None:
    with server(lambda _: http(reply())) as (url, seen):
        made = pipeline(specs(3), url=url, max_in_flight=1)
        write_specs(made.specs, [{"thread_key": "z", "prompt": "planned"}], name="part-1.parquet")
        made.plan()

        def swap(_: Progress) -> None:
            write_specs(made.specs, [{"thread_key": "z", "prompt": "unplanned"}], name="part-1.parquet")

        with pytest.raises(PlanOutdated, match="changed while it was being asked"):
            asyncio.run(made.answer(on_progress=swap))

    assert not [body for body in seen if b"unplanned" in body]


def test_an_error_in_one_worker_keeps_the_answers_that_are_on_their_way(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(body: bytes) -> bytes:
        time.sleep(0 if ODD in body else 0.5)
        return http(reply())

    class Breaks:
        @staticmethod
        def of(request: Any, attempt: Any, meaning: Any) -> ReadAnswer:
            if ODD in request.body:
                raise RuntimeError("a bug of ours")
            return ReadAnswer.of(request, attempt, meaning)

    monkeypatch.setattr("minference_core.conversations.run.Answer", Breaks)
    with server(slow) as (url, seen):
        made = pipeline(specs(8), url=url, max_in_flight=8)
        with pytest.raises(RuntimeError, match="a bug of ours"):
            made.run()
        sent = len(seen)
        monkeypatch.undo()
        assert made.run().complete == 8

    assert len(seen) == sent


def test_a_writer_that_breaks_in_an_unexpected_way_ends_the_run_instead_of_hanging_it(
    pipeline: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_threads(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("minference_core.engine.segments._write_durably", no_more_threads)
    made = pipeline(specs(3))
    made.plan()

    with pytest.raises(JournalError, match="can't start new thread"):
        asyncio.run(asyncio.wait_for(made.answer(), 10))
