"""Every way of failing, seen from the client; and that a failure can be repeated."""

import contextlib
import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from minference_core.simulator import SimulatorSettings, parse_fault
from minference_core.simulator.faults import FaultPlan
from tests.core.simulator.conftest import Asker, Running


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("500=0.01", ("500", 0.01)),
        ("drop=1", ("drop", 1.0)),
        (" hang =.5", ("hang", 0.5)),
        ("429=1e-3", ("429", 0.001)),
    ],
)
def test_a_fault_is_read_as_typed(text: str, fault: tuple[str, float]) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("500", "is not NAME=PROBABILITY"),
        ("500=often", "'often' is not a number from 0 to 1"),
        ("500=1.5", "use a number from 0 to 1"),
        ("500=nan", "use a number from 0 to 1"),
        ("200=0.5", "unknown fault '200'"),
        (
            "explode=0.5",
            "unknown fault 'explode': use an HTTP status from 400 to 599, or one of drop, garbage",
        ),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_can(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_fault(text)


def test_probabilities_that_add_up_to_more_than_1_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        SimulatorSettings(faults={"500": 0.7, "drop": 0.5})


def test_the_fate_of_a_sending_is_the_same_in_every_run_and_another_the_next_time() -> None:
    def fates(seed: int) -> list[str | None]:
        plan = FaultPlan({"500": 0.3, "drop": 0.3}, seed)
        return [plan.fate(b"request", n) for n in range(200)]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)
    assert 40 <= fates(1).count("500") <= 80
    assert 40 <= fates(1).count("drop") <= 80


def test_a_retry_can_succeed_and_a_run_can_be_repeated(running: Running) -> None:
    def statuses() -> list[int]:
        with running(seed=5, faults={"500": 0.5}) as ask:
            return [ask.chat(headers={"x-client-request-id": "same"}).status_code for _ in range(20)]

    first = statuses()

    assert set(first) == {200, 500}
    assert statuses() == first


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (500, "server_error", "api_error"),
        (503, "server_error", "api_error"),
        (529, "server_error", "overloaded_error"),
        (429, "requests", "rate_limit_error"),
        (403, "invalid_request_error", "permission_error"),
    ],
)
def test_an_injected_status_comes_with_the_providers_body(
    running: Running, status: int, openai: str, anthropic: str
) -> None:
    with running(faults={str(status): 1}) as ask:
        chat, claude = ask.chat(), ask.claude()

    assert (chat.status_code, chat.json()["error"]["type"]) == (status, openai)
    assert (claude.status_code, claude.json()["error"]["type"]) == (status, anthropic)
    assert ("retry-after" in chat.headers) == (status == 429)


def test_a_bad_gateway_is_a_page_not_json(running: Running) -> None:
    with running(faults={"502": 1}) as ask:
        response = ask.chat()

    assert response.status_code == 502
    assert response.headers["content-type"] == "text/html"
    assert "<h1>502 Bad Gateway</h1>" in response.text


def test_an_empty_account_is_a_429_of_another_kind(running: Running) -> None:
    with running(faults={"quota": 1}) as ask:
        chat, claude = ask.chat(), ask.claude()

    assert (chat.status_code, chat.json()["error"]["code"]) == (429, "insufficient_quota")
    assert (claude.status_code, claude.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_dropped_connection_gives_not_one_byte(running: Running) -> None:
    with (
        running(faults={"drop": 1}) as ask,
        pytest.raises(httpx.RemoteProtocolError, match="without sending"),
    ):
        ask.chat()


def drain(response: httpx.Response, *, into: bytearray) -> None:
    for chunk in response.iter_raw():
        into.extend(chunk)


def test_a_truncated_answer_promises_more_than_comes(running: Running) -> None:
    with (
        running(faults={"truncate": 1}) as ask,
        ask.http.stream(
            "POST",
            "/v1/chat/completions",
            json={"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]},
            headers={"Authorization": "Bearer k"},
        ) as response,
    ):
        assert response.status_code == 200
        promised = int(response.headers["content-length"])
        received = bytearray()
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            drain(response, into=received)

    assert len(received) == promised // 2


def test_garbage_is_a_200_that_is_not_json(running: Running) -> None:
    with running(faults={"garbage": 1}) as ask:
        response = ask.chat()

    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_refusal_has_each_providers_own_form(running: Running) -> None:
    with running(faults={"refusal": 1}) as ask:
        choice = ask.chat().json()["choices"][0]
        claude = ask.claude().json()

    assert choice["message"]["content"] is None
    assert choice["message"]["refusal"]
    assert choice["finish_reason"] == "stop"
    assert (claude["stop_reason"], claude["content"]) == ("refusal", [])
    assert claude["stop_details"]["type"] == "refusal"


def test_a_hung_request_ends_when_the_client_leaves(running: Running, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with running(faults={"hang": 1}, log=log) as ask:
        with pytest.raises(httpx.ReadTimeout):
            ask.http.post(
                "/v1/chat/completions",
                json={"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]},
                headers={"Authorization": "Bearer k"},
                timeout=0.2,
            )
        until = time.monotonic() + 2
        while not log.read_text() and time.monotonic() < until:
            time.sleep(0.01)

    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["status"], line["fault"]) == (0, "hang")


def chat_in_vain(ask: Asker) -> None:
    with contextlib.suppress(httpx.HTTPError):
        ask.chat()


def test_a_hung_request_does_not_keep_the_server_from_stopping(running: Running) -> None:
    with running(faults={"hang": 1}) as ask:
        waiting = threading.Thread(target=chat_in_vain, args=[ask])
        waiting.start()
        while ask.http.get("/stats").json()["in_flight"] == 0:
            time.sleep(0.01)
        started = time.monotonic()

    waiting.join()
    assert time.monotonic() - started < 2


def test_a_slow_body_arrives_whole_in_the_end(running: Running) -> None:
    with running(faults={"slow_body": 1}) as ask:
        started = time.monotonic()
        response = ask.chat()

    assert response.json()["choices"]
    assert time.monotonic() - started > 1


def test_latency_is_kept_within_its_jitter(running: Running) -> None:
    with running(latency_ms=50, latency_jitter=0.2) as ask:
        started = time.monotonic()
        for _ in range(3):
            ask.chat()
        seconds = (time.monotonic() - started) / 3

    assert 0.04 <= seconds < 0.2
